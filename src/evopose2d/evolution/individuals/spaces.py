"""The spaces that a search may visit, by name: this project's, and those that other packages bring.

A package offers another as an entry point of the group ``evopose2d.spaces`` whose object is a :data:`SpaceBuilder`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from evopose2d.config.schema import Params, SpaceConfig
from evopose2d.errors import ConfigError
from evopose2d.evolution.sampler.registry import find
from evopose2d.genotype import BLOCKS, ExtendedSpace, Genotype, PaperSpace, SearchSpace
from evopose2d.networks.registry import architecture_of

GROUP = "evopose2d.spaces"
SpaceBuilder = Callable[[Genotype, SpaceConfig, Mapping[str, Any]], SearchSpace]
"""Builds a space from ``evolve.ancestor``, section ``evolve.space`` and section ``model`` by key. Raises a one-line
``ValueError`` for what cannot be, which begins with the key of ``evolve.space`` or with ``ancestor``."""

_HEAD = ("head_blocks", "head_channels")
_USUAL_EXPANSION = (1, *([6] * (BLOCKS - 1)))
_USUAL_SQUEEZE = 4


def paper_space(ancestor: Genotype, space: SpaceConfig, model: Mapping[str, Any]) -> PaperSpace:
    """Return the paper's space: kernel, repeats, channels and stride of each block."""
    del model
    return PaperSpace(
        ancestor,
        kernels=tuple(space.kernels),
        repeats=(space.repeats[0], space.repeats[1]),
        stride_blocks=space.stride_blocks,
        strided=(space.strided[0], space.strided[1]),
    )


def extended_space(ancestor: Genotype, space: SpaceConfig, model: Mapping[str, Any]) -> ExtendedSpace:
    """Return the paper's space with expansion and squeeze of each block, blocks and channels of the head.

    The ancestor's head is that of section ``model``. Its blocks have the usual expansion (1 of the first block, 6 of
    the others) and squeeze (4) unless ``evolve.ancestor`` says others.
    """
    others = {name: tuple(getattr(space, name)) for name in _HEAD}
    start = {name: model[name] for name in _HEAD}
    own = dict(ancestor.others)
    for number in range(1, BLOCKS + 1):
        for gene, usual in (("expansion", _USUAL_EXPANSION[number - 1]), ("squeeze", _USUAL_SQUEEZE)):
            name = f"b{number}_{gene}"
            others[name], start[name] = tuple(getattr(space, gene)), own.get(name, usual)
    return ExtendedSpace(paper_space(Genotype(ancestor.blocks), space, model), others, start)


SPACES: Mapping[str, SpaceBuilder] = {"paper": paper_space, "extended": extended_space}
"""The project's own, by name."""


def build_space(ancestor: Genotype, space: SpaceConfig, model: Mapping[str, Any]) -> SearchSpace:
    """Return the space that ``evolve.space.kind`` names.

    Raises:
        ConfigError: there is none of this name, or a key that cannot be.
    """
    try:
        builder = find("space.kind", space.kind, SPACES, GROUP)
    except ValueError as error:
        raise ConfigError(f"evolve.{error}") from None
    try:
        return builder(ancestor, space, model)
    except ValueError as error:
        message = str(error)
        raise ConfigError(f"evolve.{'' if message.startswith('ancestor') else 'space.'}{message}") from None


def search_space(params: Params) -> SearchSpace:
    """Return the space that the search visits.

    Raises:
        ConfigError: as :func:`build_space`, or networks of ``model.architecture`` have no genotype.
    """
    architecture_of(params.model).with_genotype(params.model, params.evolve.ancestor)
    return build_space(Genotype.from_lists(params.evolve.ancestor), params.evolve.space, asdict(params.model))


def paper_search_space(params: Params, purpose: str) -> PaperSpace:
    """Return the space that the search visits where only the paper's will do.

    Args:
        params: all settings.
        purpose: what needs it, for the message.

    Raises:
        ConfigError: it is another one.
    """
    space = search_space(params)
    if not isinstance(space, PaperSpace):
        raise ConfigError(f"evolve.space.kind: got {params.evolve.space.kind!r}, must be paper for {purpose}")
    return space


def space_of_settings(settings: Mapping[str, Any]) -> SearchSpace:
    """Return the space of a search's stored settings, by dotted key; earlier versions knew the paper's alone.

    Raises:
        ConfigError: as :func:`build_space`.
    """
    section = {item.name: settings.get(f"evolve.space.{item.name}") for item in fields(SpaceConfig)}
    space = SpaceConfig(**section | {"kind": section["kind"] or "paper"})
    model = {key.partition(".")[2]: value for key, value in settings.items() if key.startswith("model.")}
    return build_space(Genotype.from_lists(settings["evolve.ancestor"]), space, model)


def genotype_in(space: SearchSpace, model: Mapping[str, Any]) -> Genotype:
    """Return the genotype whose network section ``model`` describes, with the genes that a space has.

    Args:
        space: of the search.
        model: section ``model`` by key.

    Raises:
        ValueError: its blocks are those of no network.
    """
    read = Genotype.from_lists(model["genotype"])
    others = {**dict(space.ancestor.others), **dict(read.others)}
    settings = {name: model[name] for name in space.ancestor.settings}
    return Genotype(read.blocks, tuple(sorted({**others, **settings}.items())))

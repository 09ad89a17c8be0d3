"""What ``params.yaml`` means to a search: its space, its sampler, and each individual's training."""

import hashlib
import itertools
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from evopose2d.config.schema import AugmentationConfig, EvolveConfig, Params, TrainConfig
from evopose2d.errors import ConfigError
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.spec import IndividualSpec, search_fitness
from evopose2d.evolution.sampler import EvolutionSampler, Individual
from evopose2d.genotype import Genotype, LimitedSpace, SearchSpace, describe_mutation
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.families.evopose2d import EvoPose2DConfig, describe
from evopose2d.networks.registry import architecture_of
from evopose2d.networks.scaling import NetworkSpec
from evopose2d.networks.size import NetworkSize
from evopose2d.networks.summary import summarise

_COMMON = 1
"""Sets seeds that individuals share apart from those of single ones."""


def check_search(params: Params) -> None:
    """Check what ties the search's keys to those of other sections, before anything is trained.

    Raises:
        ConfigError: one line with the key, the value received and what is allowed.
    """
    space = search_space(params)
    _check_resources(params)
    evolution_sampler(params, keypoints=1)  # which checks its own
    if isinstance(params.model, EvoPose2DConfig):
        _check_strides(params, space)
    else:
        _check_family(params, space)


def _check_strides(params: Params, space: SearchSpace) -> None:
    height, width = params.model.input_shape
    own = getattr(params.model, "head_blocks", 0)
    for strided, head in _resolutions(space, own):
        stride = 2 ** (1 + strided)
        if height % stride or width % stride:
            raise ConfigError(
                f"model.input_shape: got [{height}, {width}], must be multiples of {stride} where a genotype of the "
                f"search may have {strided} blocks of stride 2 (evolve.space.strided)"
            )
        if head > 1 + strided:
            raise ConfigError(
                f"{'model' if head == own else 'evolve.space'}.head_blocks: got {head}, must be at most {1 + strided} "
                f"where a genotype of the search may have {strided} blocks of stride 2 (evolve.space.strided)"
            )


def _check_family(params: Params, space: SearchSpace) -> None:
    """Refuse what is made for the blocks of EvoPose2D alone."""
    network_size(params.model, space.ancestor, keypoints=1)  # which can be built
    evolve, where = params.evolve, f"where model.architecture is {params.model.architecture}"
    if evolve.inheritance == "function-preserving":
        raise ConfigError(f"evolve.inheritance: got 'function-preserving', must be original or none {where}")
    if evolve.latency.source == "table":
        raise ConfigError(f"evolve.latency.source: got 'table', must be onnx, tflite or command {where}")


def evolution_sampler(params: Params, keypoints: int) -> EvolutionSampler:
    """Build the search's sampler, to which two genotypes are one if they build the same network.

    Args:
        params: all settings.
        keypoints: K, channels of the heatmaps.

    Raises:
        ConfigError: settings that do not go together, or a selection that there is not.
    """
    evolve = params.evolve

    @lru_cache(maxsize=65536)
    def fingerprint(genotype: Genotype) -> Hashable:
        network = phenotype(params.model, genotype, keypoints)
        # Of each of a hundred thousand individuals one is kept: 16 bytes instead of 3 kB.
        return hashlib.blake2b(repr(network).encode(), digest_size=16).digest()

    @lru_cache(maxsize=65536)
    def size(genotype: Genotype) -> tuple[int, int]:
        counted = network_size(params.model, genotype, keypoints)
        return counted.parameters, counted.multiply_adds

    try:
        return EvolutionSampler(
            _within_limits(search_space(params), size, evolve),
            children=evolve.children,
            parents=evolve.parents,
            seed=evolve.seed,
            schedule=evolve.schedule,  # type: ignore[arg-type]  # a choice of the schema
            selection=evolve.selection,
            objectives=evolve.objectives,
            population=evolve.population,
            tournament=evolve.tournament,
            fingerprint=fingerprint,
            controls=evolve.controls,
            screening=evolve.screening,
            mutations=evolve.mutations,
            size_factor=lambda genotype: search_fitness([1.0], size(genotype)[0], evolve),
            exclusive=True,
        )
    except ValueError as error:
        raise ConfigError(f"evolve.{error}") from None


def _within_limits(
    space: SearchSpace, size: Callable[[Genotype], tuple[int, int]], evolve: EvolveConfig
) -> SearchSpace:
    """Return the space without networks of more parameters or multiply-adds than allowed.

    Raises:
        ConfigError: the ancestor's has more.
    """
    limits = (evolve.max_parameters, evolve.max_multiply_adds)
    if limits == (None, None):
        return space
    for name, most, own in zip(("max_parameters", "max_multiply_adds"), limits, size(space.ancestor), strict=True):
        if most is not None and own > most:
            raise ConfigError(f"evolve.{name}: got {most}, must be at least the ancestor's {own}")
    return LimitedSpace(
        space,
        lambda genotype: all(most is None or own <= most for most, own in zip(limits, size(genotype), strict=True)),
    )


def network_spec(model: ModelConfig, genotype: Genotype, keypoints: int) -> NetworkSpec:
    """Describe the EvoPose2D that a genotype builds with the settings of section ``model``."""
    return describe(_of_genotype(model, genotype), keypoints)


def phenotype(model: ModelConfig, genotype: Genotype, keypoints: int) -> Hashable:
    """Return what tells apart the networks that genotypes build with the settings of section ``model``."""
    built = _of_genotype(model, genotype)
    return architecture_of(built).phenotype(built, keypoints)


def network_size(model: ModelConfig, genotype: Genotype, keypoints: int) -> NetworkSize:
    """Count the network that a genotype builds with the settings of section ``model``."""
    return summarise(_of_genotype(model, genotype), keypoints).size


def _of_genotype(model: ModelConfig, genotype: Genotype) -> ModelConfig:
    return replace(model, **genotype.model_settings)


def total_children(evolve: EvolveConfig) -> int:
    """Return how many children a search has, in all generations."""
    return evolve.generations * evolve.children


def training_seed(evolve: EvolveConfig, individual: Individual, controls: int = 0) -> int:
    """Return the seed that an individual is trained with, 0 .. 2**31 - 1: whoever trains it, and whenever, the same.

    With ``random_numbers: common``, individuals that are compared share it: those of a generation, in the steady
    state a control and the children that its parent has until it gets another. They see the same samples in the same
    order, the same flips and, layer by layer, the same drop-connect noise, and weights that are new start alike where
    shapes are: what is left of a difference is the genes'. Such common random numbers are a classical way to compare
    systems by simulation (e.g. Glasserman and Yao, Management Science 38(6), 1992). With ``individual``, each has a
    seed of its own, as in the paper.

    Args:
        evolve: section ``evolve``.
        individual: who is to be trained.
        controls: how many controls of its parent came before it, itself included.
    """
    if evolve.random_numbers == "individual" or individual.parent is None:
        return _seed(evolve.seed, individual.number)
    if evolve.schedule == "generational":
        return _seed(evolve.seed, individual.generation, _COMMON)
    return _seed(evolve.seed, individual.parent, controls, _COMMON)


def _seed(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1)[0]) >> 1


def individual_spec(
    evolve: EvolveConfig,
    individual: Individual,
    parent: Individual | None,
    limits: tuple[float, ...] = (),
    controls: int = 0,
) -> IndividualSpec:
    """Say what an individual is to be trained from.

    Args:
        evolve: section ``evolve``.
        individual: who is to be trained.
        parent: whose mutation or copy it is; None for the ancestor.
        limits: fitness so far by epoch, with more than which its training stops.
        controls: how many controls of its parent came before it, itself included.
    """
    inherits = parent is not None and evolve.inheritance != "none"
    return IndividualSpec(
        number=individual.number,
        generation=individual.generation,
        parent=individual.parent,
        mutation="" if parent is None else describe_mutation(parent.genotype, individual.genotype),
        genotype=individual.genotype,
        parent_genotype=parent.genotype if parent is not None and inherits else None,
        epochs=evolve.ancestor_epochs if parent is None else evolve.child_epochs,
        seed=training_seed(evolve, individual, controls),
        limits=limits,
        role=individual.role,
    )


def individual_params(params: Params, spec: IndividualSpec) -> Params:
    """Return the settings that an individual is trained with: the search's, else those of the full training."""
    evolve, full = params.evolve, params.train
    train = TrainConfig(
        seed=spec.seed,
        epochs=spec.epochs,
        batch_size=evolve.batch_size,
        accumulation=evolve.accumulation,
        learning_rate=evolve.learning_rate,
        schedule="cosine",
        warmup_epochs=0,
        drop_epochs=[],
        l2=full.l2,
        sigma=full.sigma,
        initial_weights=None,
        augmentation=AugmentationConfig(
            flip_probability=evolve.flip_probability,
            scale=0.0,
            rotation=0.0,
            rotation_probability=0.0,
            half_body_probability=0.0,
            half_body_keypoints=full.augmentation.half_body_keypoints,
        ),
    )
    model = _of_genotype(params.model, spec.genotype)
    # Without a device of its own, a worker must not take one that other programs use.
    alone = evolve.gpus == 0 and evolve.tpus == 0
    accelerator = replace(params.accelerator, device="cpu") if alone else params.accelerator
    return replace(params, model=model, train=train, accelerator=accelerator)


def with_absolute_paths(params: Params) -> Params:
    """Return the settings with the data's folders absolute, for workers that run in a folder of their own.

    Addresses such as ``gs://...`` stay as they are.
    """
    dataset = replace(params.dataset, root=_absolute(params.dataset.root))
    records = replace(params.write_tfrecords, root=_absolute(params.write_tfrecords.root))
    return replace(params, dataset=dataset, write_tfrecords=records)


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


def _check_resources(params: Params) -> None:
    evolve, device = params.evolve, params.accelerator.device
    for name in ("cpus", "gpus", "tpus"):
        amount = getattr(evolve, name)
        if amount > 1 and amount != int(amount):
            raise ConfigError(f"evolve.{name}: got {amount}, must be a whole number where greater than 1")
    for name, amount in (("gpu", evolve.gpus), ("tpu", evolve.tpus)):
        if device == name and amount == 0:
            raise ConfigError(f"evolve.{name}s: got {amount}, must be above 0 where accelerator.device is {name}")


def _resolutions(space: SearchSpace, head_blocks: int) -> list[tuple[int, int]]:
    """Return every number of strided blocks with every number of head blocks that a genotype of the space has with it.

    Args:
        space: of the search.
        head_blocks: of all networks where it is no gene.
    """
    genes = [
        (name, gene.values) for name, gene in space.genes.items() if name.endswith("_stride") or name == "head_blocks"
    ]
    names = [name for name, _ in genes]
    patterns = (
        space.ancestor.with_genes(dict(zip(names, values, strict=True)))
        for values in itertools.product(*(values for _, values in genes))
    )
    inside = [space.ancestor, *(each for each in patterns if each in space)]
    return sorted({(each.strided, each.genes.get("head_blocks", head_blocks)) for each in inside})

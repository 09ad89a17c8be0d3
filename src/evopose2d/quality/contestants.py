"""Samplers that a search could use, each with the way in which it proposes a genotype."""

import importlib.util
import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import BaseTrial

from evopose2d.evolution.sampler import EvolutionSampler, genotype_to_params, suggest_genotype
from evopose2d.evolution.sampler.settings import SCHEDULES
from evopose2d.genotype import BLOCKS, Block, Genotype, PaperSpace

PAPER = "evolution generational fitness"
"""The paper's rules: parents are the fittest of all earlier generations, and a child differs by one mutation."""
RANDOM = "random"
SCREENED = f"{PAPER} screened"
"""The same with 16 mutants drawn for each child, of two mutations in the mean."""

_PROPOSALS: Mapping[str, Mapping[str, float]] = {"": {}, " screened": {"screening": 16, "mutations": 2.0}}

SELECTIONS = ("fitness", "ap", "pareto", "aging", "last-generation")
"""Selection strategies that need no controls: a table's answers do not depend on how long an individual's line is."""

_STRIDES = "strides"


@dataclass(frozen=True)
class Contestant:
    """A way to search.

    Attributes:
        name: what tables call it.
        sampler: makes the sampler from a seed.
        suggest: proposes a trial's genotype.
        start: the ancestor's parameters, where the sampler does not begin with it by itself.
        own: whether it is this project's.
    """

    name: str
    sampler: Callable[[int], BaseSampler]
    suggest: Callable[[BaseTrial], Genotype]
    start: dict[str, Any] | None
    own: bool


SizeFactor = Callable[[Genotype], float]


def contestants(
    space: PaperSpace, *, children: int, parents: int, size_factor: SizeFactor | None = None
) -> list[Contestant]:
    """Return every sampler there is: Optuna's, and this project's with each schedule and selection.

    Args:
        space: to search in. Optuna's own samplers choose the strides as one parameter, of the patterns that the
            space allows, so that every one of their proposals can be trained; and their first trial is the ancestor,
            as it is the evolution's.
        children: of a generation of the evolution.
        parents: of the evolution.
        size_factor: fitness over loss of a genotype, as a search knows it before a training.
    """
    options = {"children": children, "parents": parents, "size_factor": size_factor}
    return [*_optunas(space), *_evolutions(space, options)]


def _optunas(space: PaperSpace) -> list[Contestant]:
    samplers: dict[str, Callable[[int], BaseSampler]] = {
        RANDOM: lambda seed: RandomSampler(seed=seed),
        "TPE": lambda seed: TPESampler(seed=seed),
        "TPE univariate": lambda seed: TPESampler(seed=seed, multivariate=False),
        "NSGA-II": lambda seed: NSGAIISampler(seed=seed),
        "NSGA-II of 16": lambda seed: NSGAIISampler(seed=seed, population_size=16),
    }
    if importlib.util.find_spec("torch") is not None:
        samplers["GP"] = lambda seed: _quietly(lambda: GPSampler(seed=seed))
    patterns = stride_patterns(space)
    suggest, start = partial(suggest_freely, space=space, patterns=patterns), _free_params(space.ancestor)
    return [Contestant(name, sampler, suggest, start, own=False) for name, sampler in samplers.items()]


def _evolutions(space: PaperSpace, options: Mapping[str, Any]) -> list[Contestant]:
    suggest = partial(suggest_genotype, space=space)
    found = []
    for (schedule, selection), (suffix, proposals) in itertools.product(
        itertools.product(SCHEDULES, SELECTIONS), _PROPOSALS.items()
    ):
        given = {**options, "schedule": schedule, "selection": selection, **proposals}
        make = partial(_evolution, space, given)
        try:
            make(0)
        except ValueError:  # a selection that is of the other schedule alone
            continue
        found.append(Contestant(f"evolution {schedule} {selection}{suffix}", make, suggest, None, own=True))
    return found


def _evolution(space: PaperSpace, options: Mapping[str, Any], seed: int) -> EvolutionSampler:
    return EvolutionSampler(space, seed=seed, exclusive=True, **options)


def stride_patterns(space: PaperSpace) -> tuple[str, ...]:
    """Return every allowed row of strides, such as ``1222111``, in order."""
    choices = [
        (1, 2) if space.may_stride(index) else (block.stride,) for index, block in enumerate(space.ancestor.blocks)
    ]
    least, greatest = space.strided
    return tuple(
        "".join(map(str, strides))
        for strides in itertools.product(*choices)
        if least <= sum(stride == 2 for stride in strides) <= greatest
    )


def suggest_freely(trial: BaseTrial, space: PaperSpace, patterns: tuple[str, ...]) -> Genotype:
    """Suggest every gene of a trial, the strides of all blocks as one parameter."""
    strides = trial.suggest_categorical(_STRIDES, patterns)
    blocks = []
    for index in range(BLOCKS):
        prefix, most = f"b{index + 1}_", space.max_channels[index]
        kernel = trial.suggest_categorical(f"{prefix}kernel", space.kernels)
        repeats = trial.suggest_int(f"{prefix}repeats", *space.repeats)
        channels = trial.suggest_int(f"{prefix}channels", 1, most)
        blocks.append(Block(kernel, repeats, channels, int(strides[index])))
    return Genotype(tuple(blocks))


def _free_params(genotype: Genotype) -> dict[str, Any]:
    genes = {name: value for name, value in genotype_to_params(genotype).items() if not name.endswith("stride")}
    return genes | {_STRIDES: "".join(str(block.stride) for block in genotype.blocks)}


def _quietly(make: Callable[[], BaseSampler]) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return make()

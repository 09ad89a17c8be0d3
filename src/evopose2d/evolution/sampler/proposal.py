"""The next individual of a search: a function of its history, its number and the settings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.screening import MOST_KNOWN, screened_mutant
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.genotype import Genotype, NoUnseenNeighbour, describe_mutation, mutate, unchanged

_SELECTION = 1
"""Sets a selection's random numbers apart from the mutation's."""


class NotReadyError(SearchError):
    """An individual was asked for before those that it depends on have finished."""


@dataclass(frozen=True)
class Proposal:
    """An individual to be trained.

    Attributes:
        number: its position in the search, from 0.
        generation: 0 for the ancestor; generational: the first that is not full; steady-state: one more than its
            parent's.
        parent: number of the individual that it is a mutation or a copy of; None for the ancestor.
        genotype: its genes.
        mutation: what differs from the parent, in words; empty for the ancestor and for controls.
        role: ancestor, child or control.
    """

    number: int
    generation: int
    parent: int | None
    genotype: Genotype
    mutation: str
    role: Role


def ready(history: History, number: int, settings: EvolutionSettings) -> bool:
    """Return whether :func:`propose` can answer now; where it cannot, waiting for running individuals helps."""
    return _awaited(history, number, settings) is None


def propose(
    history: History,
    number: int,
    settings: EvolutionSettings,
    fix: Callable[[Genotype], Genotype] = unchanged,
) -> Proposal:
    """Return the individual of that number.

    The first is the ancestor. Any other is a mutation of a parent, drawn with a generator seeded by
    ``[settings.seed, number]``, to a genotype that the history has not seen in any state. The selection strategy
    names the best ``settings.parents`` complete individuals that have an unseen neighbour, of earlier generations
    (generational) or of the whole history (steady-state); they are parents in round robin. Fewer take part where fewer
    are complete. With ``settings.screening``, several mutants are drawn, of which one is chosen (:mod:`.screening`).

    With ``settings.controls``, a generation begins with a control of each of its parents: the parent's genotype, not
    mutated. Steady-state, a parent gets a control before its first child and again after ``children / parents`` more.

    Generations follow from what the history says of roles and generations, not from numbers: an individual that was
    put in by hand is of generation 0, whatever its number, and may become a parent as soon as it is complete.

    A strict generational proposal depends on nothing but the earlier generations' results and the genotypes of lower
    numbers, so that a search is the same however many workers it has and however often it is interrupted.

    Args:
        history: of the search.
        number: of the individual.
        settings: of the algorithm.
        fix: gives the individual the genes that are not to be drawn, as some were fixed by hand.

    Raises:
        NotReadyError: an individual that this one depends on is still running; see :func:`ready`.
        SearchError: all individuals that could be parents have failed (strict only).
        NoUnseenNeighbour: every mutation of every possible parent has been seen: the search is at its end.
        ValueError: a possible parent was put into the search by hand and lies outside the space.
    """
    awaited = _awaited(history, number, settings)
    if awaited:
        raise NotReadyError(f"individual {number} cannot be proposed yet: {awaited}")
    ancestor = settings.space.ancestor
    if not history.completed and not history.holders(ancestor):
        return Proposal(number, 0, None, fix(ancestor), "", Role.ANCESTOR)
    rng = np.random.default_rng([settings.seed, number])
    if not history.completed:
        if settings.strict:
            raise SearchError(f"individual {number} cannot be proposed: all that could be its parent failed")
        genotype = mutate(ancestor, settings.space, history.seen, rng, settings.fingerprint, fix)
        return Proposal(number, 0, None, genotype, describe_mutation(ancestor, genotype), Role.ANCESTOR)
    generation = history.open_generation(settings.children) if settings.schedule == "generational" else None
    parents = _parents(history, number, generation, settings)
    parent = _next_parent(history, number, parents, generation, settings)
    copied = _to_be_copied(history, parents, parent, generation, settings) if fix is unchanged else None
    if copied is not None:
        return Proposal(number, _generation(generation, copied), copied.number, copied.genotype, "", Role.CONTROL)
    genotype = screened_mutant(parent.genotype, _known(history, generation, settings), history.seen, settings, rng, fix)
    mutation = describe_mutation(parent.genotype, genotype)
    return Proposal(number, _generation(generation, parent), parent.number, genotype, mutation, Role.CHILD)


def _awaited(history: History, number: int, settings: EvolutionSettings) -> str | None:
    if not settings.strict:
        return None
    if settings.schedule == "steady-state":
        waits = not history.completed and any(unfinished < number for unfinished in history.unfinished)
        return "no individual has completed" if waits else None
    # The genotype must differ from those of all lower numbers, so these must be known.
    pending = min(history.pending, default=number)
    if pending < number:
        return f"individual {pending} has no genotype yet"
    generation = history.open_generation(settings.children)
    for unfinished in sorted(history.unfinished):
        individual = history.get(unfinished)
        if individual is not None and individual.generation < generation:
            return f"individual {unfinished} of generation {individual.generation} has not finished"
    return None


def _generation(generation: int | None, parent: Individual) -> int:
    return parent.generation + 1 if generation is None else generation


def _parents(history: History, number: int, generation: int | None, settings: EvolutionSettings) -> list[Individual]:
    """Return the best individuals of earlier generations that have an unseen neighbour, at least one."""
    parents = history.parents(settings.strategy, settings.space, settings.parents, generation)
    if not parents:
        raise NoUnseenNeighbour(
            f"individual {number} cannot be proposed: every mutation of every possible parent is among the "
            f"{len(history.seen)} genotypes seen"
        )
    return parents


def _known(history: History, generation: int | None, settings: EvolutionSettings) -> list[Individual]:
    """Return the complete individuals of which screening may learn: the youngest of earlier generations."""
    if settings.screening == 1:
        return []
    recent = history.youngest(MOST_KNOWN + settings.children)  # of the open generation there may be some
    return [each for each in recent if generation is None or each.generation < generation]


def _next_parent(
    history: History, number: int, parents: list[Individual], generation: int | None, settings: EvolutionSettings
) -> Individual:
    rng = np.random.default_rng([settings.seed, number, _SELECTION])
    return settings.strategy.parent(history, settings.space, parents, history.children(generation), rng)


def _to_be_copied(
    history: History,
    parents: list[Individual],
    parent: Individual,
    generation: int | None,
    settings: EvolutionSettings,
) -> Individual | None:
    """Return the individual whose control is due; None where a child is."""
    if not settings.controls:
        return None
    if generation is not None:
        return next((each for each in parents if not _has_control(history, each, generation)), None)
    interval = -(-settings.children // settings.parents)
    never = not history.controls_of(parent.number)
    return parent if never or history.children_since_control(parent.number) >= interval else None


def _has_control(history: History, parent: Individual, generation: int) -> bool:
    return any(control.generation == generation for control in history.controls_of(parent.number))

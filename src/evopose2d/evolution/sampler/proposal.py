"""The next individual of a search: a function of its history, its number and the settings."""

from dataclasses import dataclass

import numpy as np

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.selection import tournament
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.genotype import Genotype, NoUnseenNeighbour, describe_mutation, mutate

_TOURNAMENT = 1
"""Sets a tournament's random numbers apart from the mutation's."""


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


def generation_of(number: int, children: int) -> int:
    """Give the generation that a number belongs to: 0 for number 0, then ``children`` numbers each."""
    return 0 if number == 0 else 1 + (number - 1) // children


def ready(history: History, number: int, settings: EvolutionSettings) -> bool:
    """Tell whether :func:`propose` can answer now; where it cannot, waiting for running individuals helps."""
    return _awaited(history, number, settings) is None


def propose(history: History, number: int, settings: EvolutionSettings) -> Proposal:
    """Return the individual of that number.

    The first is the ancestor. Any other is a mutation of a parent, drawn with a generator seeded by
    ``[settings.seed, number]``, to a genotype that the history has not seen in any state. The parents are the
    best ``settings.parents`` complete individuals that have an unseen neighbour, of all earlier generations
    (generational) or of the whole history (steady-state), in round robin. Fewer take part where fewer are
    complete. With ``aging``, the parent is the winner of a tournament instead.

    With ``settings.controls``, a generation begins with a control of each of its parents: the parent's genotype, not
    mutated. Steady-state, a parent gets a control before its first child and again after ``children / parents`` more.

    A generational proposal depends on nothing but the earlier generations' results and the genotypes of lower
    numbers, so that a search is the same however many workers it has and however often it is interrupted.

    Raises:
        NotReadyError: an individual that this one depends on is still running; see :func:`ready`.
        SearchError: all individuals that could be parents have failed.
        NoUnseenNeighbour: every mutation of every possible parent has been seen: the search is at its end.
        ValueError: a possible parent was put into the search by hand and lies outside the space.
    """
    awaited = _awaited(history, number, settings)
    if awaited:
        raise NotReadyError(f"individual {number} cannot be proposed yet: {awaited}")
    if not history.seen:
        return Proposal(number, 0, None, settings.space.ancestor, "", Role.ANCESTOR)
    generation = history.open_generation(settings.children) if settings.schedule == "generational" else None
    parents = _parents(history, number, generation, settings)
    turn = history.children(generation) % settings.children
    parent = _drawn(history, number, parents, settings) or parents[turn % len(parents)]
    copied = _to_be_copied(history, parents, parent, generation, settings)
    if copied is not None:
        genotype, mutation, role, parent = copied.genotype, "", Role.CONTROL, copied
    else:
        rng = np.random.default_rng([settings.seed, number])
        genotype = mutate(parent.genotype, settings.space, history.seen, rng, settings.key)
        mutation, role = describe_mutation(parent.genotype, genotype), Role.CHILD
    generation = parent.generation + 1 if generation is None else generation
    return Proposal(number, generation, parent.number, genotype, mutation, role)


def _awaited(history: History, number: int, settings: EvolutionSettings) -> str | None:
    if settings.schedule == "steady-state":
        waits = not history.completed and any(unfinished < number for unfinished in history.unfinished)
        return "no individual has completed" if waits else None
    # The genotype must differ from those of all lower numbers, so these must be known.
    unborn = min(history.unborn, default=number)
    if unborn < number:
        return f"individual {unborn} has no genotype yet"
    generation = history.open_generation(settings.children)
    for unfinished in sorted(history.unfinished):
        individual = history.get(unfinished)
        if individual is not None and individual.generation < generation:
            return f"individual {unfinished} of generation {individual.generation} has not finished"
    return None


def _parents(history: History, number: int, generation: int | None, settings: EvolutionSettings) -> list[Individual]:
    """Return the best individuals of earlier generations that have an unseen neighbour, at least one."""
    parents = history.best_fertile(settings.space, settings.selection, settings.parents, generation)
    if parents:
        return parents
    if not history.completed:
        raise SearchError(f"individual {number} cannot be proposed: all that could be its parent failed")
    raise NoUnseenNeighbour(
        f"individual {number} cannot be proposed: every mutation of every possible parent is among the "
        f"{len(history.seen)} genotypes seen"
    )


def _drawn(history: History, number: int, parents: list[Individual], settings: EvolutionSettings) -> Individual | None:
    """Return the winner of a tournament; None where parents take part in round robin."""
    if settings.selection != "aging":
        return None
    rng = np.random.default_rng([settings.seed, number, _TOURNAMENT])
    drawn = tournament(history.youngest(settings.population), settings.population, settings.tournament, rng)
    # Where all that were drawn are exhausted, the fittest that is not takes their place.
    return next((each for each in drawn if history.is_fertile(each, settings.space)), parents[0])


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
        controlled = {each.number for each in parents if _has_control(history, each, generation)}
        return next((each for each in parents if each.number not in controlled), None)
    interval = -(-settings.children // settings.parents)
    never = not history.controls_of(parent.number)
    return parent if never or history.children_since_control(parent.number) >= interval else None


def _has_control(history: History, parent: Individual, generation: int) -> bool:
    return any(control.generation == generation for control in history.controls_of(parent.number))

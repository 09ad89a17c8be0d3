"""The next individual of a search: a function of its history, its number and the settings."""

from dataclasses import dataclass

import numpy as np

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual
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
        generation: 0 for the ancestor; generational: ``1 + (number - 1) // children``; steady-state: one more
            than its parent's.
        parent: number of the individual that it is a mutation of; None for the ancestor.
        genotype: its genes.
        mutation: what differs from the parent, in words; empty for the ancestor.
    """

    number: int
    generation: int
    parent: int | None
    genotype: Genotype
    mutation: str


def generation_of(number: int, children: int) -> int:
    """Give the generation that a number belongs to: 0 for number 0, then ``children`` numbers each."""
    return 0 if number == 0 else 1 + (number - 1) // children


def ready(history: History, number: int, settings: EvolutionSettings) -> bool:
    """Tell whether :func:`propose` can answer now; where it cannot, waiting for running individuals helps."""
    return _awaited(history, number, settings) is None


def propose(history: History, number: int, settings: EvolutionSettings) -> Proposal:
    """Give the individual of that number.

    Number 0 is the ancestor. Any other is a mutation of a parent, drawn with a generator seeded by
    ``[settings.seed, number]``, to a genotype that the history has not seen in any state. The parents are the
    best ``settings.parents`` complete individuals that have an unseen neighbour, of all earlier generations
    (generational) or of the whole history (steady-state), and take turns. Fewer take part where fewer are
    complete. With ``aging``, the parent is the winner of a tournament instead.

    A generational proposal depends on nothing but the earlier generations' results and the genotypes of lower
    numbers, so that a search is the same however many workers it has and however often it is interrupted.

    Raises:
        NotReadyError: an individual that this one depends on is still running; see :func:`ready`.
        SearchError: all individuals that could be parents have failed.
        NoUnseenNeighbour: every mutation of every possible parent has been seen: the search is at its end.
        ValueError: a possible parent was put into the search by hand and lies outside the space.
    """
    if number == 0:
        return Proposal(0, 0, None, settings.space.ancestor, "")
    awaited = _awaited(history, number, settings)
    if awaited:
        raise NotReadyError(f"individual {number} cannot be proposed yet: {awaited}")
    parent = _parent(history, number, settings)
    rng = np.random.default_rng([settings.seed, number])
    child = mutate(parent.genotype, settings.space, history.seen, rng, settings.key)
    return Proposal(
        number=number,
        generation=_generation(number, parent, settings),
        parent=parent.number,
        genotype=child,
        mutation=describe_mutation(parent.genotype, child),
    )


def _awaited(history: History, number: int, settings: EvolutionSettings) -> str | None:
    if number == 0:
        return None
    if settings.schedule == "steady-state":
        waits = not history.completed and any(unfinished < number for unfinished in history.unfinished)
        return "no individual has completed" if waits else None
    # The genotype must differ from those of all lower numbers, so these must be known.
    unborn = min(history.unborn, default=number)
    if unborn < number:
        return f"individual {unborn} has no genotype yet"
    unfinished = min(history.unfinished, default=number)
    if unfinished < _first_of_generation(number, settings):
        generation = generation_of(unfinished, settings.children)
        return f"individual {unfinished} of generation {generation} has not finished"
    return None


def _parent(history: History, number: int, settings: EvolutionSettings) -> Individual:
    """Give the parent whose turn it is, or the winner of a tournament."""
    before = number if settings.schedule == "steady-state" else _first_of_generation(number, settings)
    candidates = history.best_fertile(settings.space, settings.selection, settings.parents, before)
    if not candidates:
        if not any(individual.number < before for individual in history.completed):
            raise SearchError(f"individual {number} cannot be proposed: all that could be its parent failed")
        raise NoUnseenNeighbour(
            f"individual {number} cannot be proposed: every mutation of every possible parent is among the "
            f"{len(history.seen)} genotypes seen"
        )
    if settings.selection == "aging":
        rng = np.random.default_rng([settings.seed, number, _TOURNAMENT])
        drawn = tournament(history.youngest(settings.population), settings.population, settings.tournament, rng)
        # Where all that were drawn are barren, the fittest that is not takes their place.
        return next((each for each in drawn if history.is_fertile(each, settings.space)), candidates[0])
    return candidates[(number - 1) % settings.children % len(candidates)]


def _first_of_generation(number: int, settings: EvolutionSettings) -> int:
    return 1 + (number - 1) // settings.children * settings.children


def _generation(number: int, parent: Individual, settings: EvolutionSettings) -> int:
    if settings.schedule == "steady-state":
        return parent.generation + 1
    return generation_of(number, settings.children)

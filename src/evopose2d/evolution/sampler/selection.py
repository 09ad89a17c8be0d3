"""Who is best among complete individuals."""

import heapq
from collections.abc import Sequence

import numpy as np

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.record import Individual
from evopose2d.fitness import pareto_order


def select(population: Sequence[Individual], count: int, selection: str) -> list[Individual]:
    """Give the best individuals, best first; of equals, the one of lower number is better.

    Args:
        population: complete individuals, in any order.
        count: how many to give; all where there are fewer.
        selection: ``fitness`` (lowest first; ``aging`` ranks so too), ``ap`` (greatest first) or ``pareto``
            (validation loss against parameters: by front, then by room within it).

    Raises:
        SearchError: an individual lacks the measure that ``selection`` goes by.
    """
    if selection == "pareto":
        return _by_pareto(population, count)
    return heapq.nsmallest(count, population, key=lambda each: place(each, selection))


def tournament(population: Sequence[Individual], size: int, draws: int, rng: np.random.Generator) -> list[Individual]:
    """Draw at random among the youngest and give those drawn, fittest first.

    One tournament of regularized evolution (Real et al., "Regularized evolution for image classifier
    architecture search", AAAI 2019, algorithm 1), where the greater number is the younger.

    Args:
        population: complete individuals, at least one, in any order.
        size: how many of the youngest are alive.
        draws: how many of those are drawn, with replacement.
        rng: source of randomness.
    """
    alive = heapq.nlargest(size, population, key=lambda individual: individual.number)
    drawn = {int(index) for index in rng.integers(len(alive), size=draws)}
    return select([alive[index] for index in drawn], len(drawn), "fitness")


def place(individual: Individual, selection: str) -> tuple[float, int]:
    """Give what orders individuals one by one, least for the best; not for ``pareto``, which looks at all of them.

    Raises:
        SearchError: the individual lacks the measure that ``selection`` goes by.
    """
    value = -_measure(individual, "ap") if selection == "ap" else _measure(individual, "fitness")
    return value, individual.number


def _by_pareto(population: Sequence[Individual], count: int) -> list[Individual]:
    by_number = sorted(population, key=lambda each: each.number)
    points = [(_measure(each, "val_loss"), _measure(each, "parameters")) for each in by_number]
    return [by_number[index] for index in pareto_order(np.reshape(points, (-1, 2)), count)]


def _measure(individual: Individual, name: str) -> float:
    value = getattr(individual, name)
    if value is None:
        raise SearchError(f"individual {individual.number}: got no {name}, must have one to be ranked by it")
    return value

"""Regularized evolution: the fittest of a tournament among the youngest."""

import heapq
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import OBJECTIVES
from evopose2d.evolution.sampler.record import Individual
from evopose2d.evolution.sampler.selections.by_objective import ByObjective
from evopose2d.genotype import SearchSpace


class Aging(ByObjective):
    """Draws among the youngest and takes the fittest of those drawn.

    Real et al., "Regularized evolution for image classifier architecture search", AAAI 2019, algorithm 1, where the
    greater number is the younger.

    Args:
        population: how many of the youngest complete individuals are alive, at least 1.
        tournament: how many of them are drawn, with replacement, at least 1.

    Raises:
        ValueError: a number below 1.
    """

    schedules: ClassVar[tuple[str, ...]] = ("steady-state",)

    def __init__(self, population: int = 64, tournament: int = 16) -> None:
        super().__init__(OBJECTIVES["fitness"])
        for name, value in (("population", population), ("tournament", tournament)):
            if value < 1:
                raise ValueError(f"{name}: got {value}, must be at least 1")
        self.population = population
        self.tournament = tournament

    @classmethod
    def from_settings(cls, *, population: int, tournament: int) -> Self:
        """Build it with both settings."""
        return cls(population, tournament)

    def parent(
        self,
        history: History,
        space: SearchSpace,
        parents: Sequence[Individual],
        turn: int,
        rng: np.random.Generator,
    ) -> Individual:
        """Return the winner of a tournament; where all that were drawn are exhausted, the fittest that is not."""
        drawn = draw(history.youngest(self.population), self.population, self.tournament, rng)
        return next((each for each in drawn if history.has_unseen_neighbour(each, space)), parents[0])


def draw(population: Sequence[Individual], size: int, draws: int, rng: np.random.Generator) -> list[Individual]:
    """Draw at random among the youngest and return those drawn, fittest first.

    Args:
        population: complete individuals, at least one, in any order.
        size: how many of the youngest are alive.
        draws: how many of those are drawn, with replacement.
        rng: source of randomness.
    """
    alive = heapq.nlargest(size, population, key=lambda individual: individual.number)
    drawn = {int(index) for index in rng.integers(len(alive), size=draws)}
    return ByObjective(OBJECTIVES["fitness"]).rank([alive[index] for index in drawn], len(drawn))

"""The fittest of the last generation, all of which have been trained equally long."""

import heapq
from collections.abc import Sequence
from typing import ClassVar

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.selections.base import Selection


class LastGeneration(Selection):
    """Ranks the children of the last generation and its controls by fitness.

    A control stands for its parent's genome: it has been trained on for as long as the children have. A parent that
    is still the best therefore stays one, as its control, whose weights the next children inherit; one that was
    lucky once has to be so again. Without controls the parents themselves take part, which have been trained less.

    Where none of a generation is complete, or all are exhausted, the generation before it takes its place.
    """

    schedules: ClassVar[tuple[str, ...]] = ("generational",)

    def rank(self, candidates: Sequence[Individual], count: int) -> list[Individual]:
        """Return the fittest candidates."""
        return heapq.nsmallest(count, candidates, key=_fitness)

    def best(self, history: History, count: int, before: int | None = None) -> list[Individual]:
        """Return the fittest of the last generation that has any."""
        for generation in history.complete_generations(before):
            members = history.in_generation(generation)
            if not any(each.role is Role.CONTROL for each in members):
                numbers = sorted({each.parent for each in members if each.parent is not None})
                members = [*filter(None, map(history.get, numbers)), *members]
            possible = [each for each in members if history.is_candidate(each, before)]
            if possible:
                return self.rank(possible, count)
        return []


def _fitness(individual: Individual) -> tuple[float, int]:
    assert individual.fitness is not None  # it is complete
    return individual.fitness, individual.number

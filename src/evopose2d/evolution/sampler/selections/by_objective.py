"""The best in one objective: the paper's rule, where that is the fitness."""

import bisect
import heapq
from collections.abc import Callable, Iterator, Sequence

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import Objective
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.selections.base import Selection


class Order:
    """Individuals of a history that are no controls, kept in order of a score as they complete."""

    def __init__(self, score: Callable[[Individual], float]) -> None:
        self._score = score
        self._order: list[tuple[float, int]] = []
        self._taken_in = 0

    def numbers(self, completed: Sequence[Individual]) -> Iterator[int]:
        """Yield the numbers of all individuals, those of least score first, of equals that of lower number.

        Args:
            completed: the history's complete individuals, those of earlier calls first.
        """
        for individual in completed[self._taken_in :]:
            if individual.role is not Role.CONTROL:
                bisect.insort(self._order, (self._score(individual), individual.number))
        self._taken_in = len(completed)
        return (number for _, number in self._order)


class ByObjective(Selection):
    """Ranks by an objective over all earlier generations (steady-state: over all).

    Individuals that were trained for longer look better, whatever their genes: each child goes on from its parent's
    weights, so this rule favours the latest generation's.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.needs = objective.needs

    def rank(self, candidates: Sequence[Individual], count: int) -> list[Individual]:
        """Return the candidates of least value."""
        return heapq.nsmallest(count, candidates, key=lambda each: (self.objective(each), each.number))

    def best(self, history: History, count: int, before: int | None = None) -> list[Individual]:
        """Return as :meth:`rank` does, looking at the first few alone, however many there are."""
        found: list[Individual] = []
        for number in history.index(self, lambda: Order(self.objective)).numbers(history.completed):
            individual = history[number]
            if history.is_candidate(individual, before):
                found.append(individual)
                if len(found) == count:
                    break
        return found

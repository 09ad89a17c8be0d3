"""What every selection strategy offers."""

import abc
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual
from evopose2d.genotype import SearchSpace


class Selection(abc.ABC):
    """Chooses the parents of a search; passed to the sampler as an object, or by the name that it is registered under.

    A strategy defines :meth:`rank`. One that looks at more than candidates one by one, such as at controls,
    overrides :meth:`best`; one that does not use its parents in round robin overrides :meth:`parent`.

    Attributes:
        needs: names of the measurements that it reads.
        schedules: those that it makes sense in.
        needs_controls: whether it makes sense in a search without controls.
    """

    needs: frozenset[str] = frozenset({"fitness"})
    schedules: ClassVar[tuple[str, ...]] = ("generational", "steady-state")
    needs_controls: ClassVar[bool] = False

    @classmethod
    def from_settings(cls, *, population: int, tournament: int) -> Self:
        """Build the strategy that its name stands for.

        Args:
            population: setting ``population``.
            tournament: setting ``tournament``.
        """
        del population, tournament
        return cls()

    @abc.abstractmethod
    def rank(self, candidates: Sequence[Individual], count: int) -> list[Individual]:
        """Return the best candidates, best first, at most ``count``; of equals, the one of lower number.

        Args:
            candidates: complete individuals that are no controls, in any order.
            count: how many to return, at least 1.

        Raises:
            SearchError: a candidate lacks a measurement.
        """

    def best(self, history: History, count: int, before: int | None = None) -> list[Individual]:
        """Return the best possible parents, best first: fewer than ``count`` where there are not as many.

        Args:
            history: of the search.
            count: how many to return, at least 1.
            before: only earlier generations than this take part; None: all.

        Raises:
            SearchError: a candidate lacks a measurement.
        """
        return self.rank(history.candidates(before), count)

    def parent(
        self,
        history: History,
        space: SearchSpace,
        parents: Sequence[Individual],
        turn: int,
        rng: np.random.Generator,
    ) -> Individual:
        """Return the parent of the next child: of the best, each in turn.

        Args:
            history: of the search.
            space: where mutations are sought.
            parents: as :meth:`best` gave them, each with an unseen neighbour in ``space``; at least one.
            turn: how many children there are before (generational: in this generation).
            rng: source of randomness, another for each child.
        """
        return parents[turn % len(parents)]

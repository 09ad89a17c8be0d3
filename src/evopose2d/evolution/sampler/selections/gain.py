"""Fitness without what training alone has gained, as controls measure it."""

import bisect
import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.selections.base import Selection


class Gain(Selection):
    """Ranks all generations by the ancestor's fitness less the gains along the line of descent.

    A child's gain is what its control would have had less what it has. A single control is as noisy as a child, and
    its noise would be its whole family's, so the mean of all controls of that depth takes its place, where an
    individual's depth is how often the weights that it started from had been trained on: a control gains
    ``fitness(parent) - fitness(control)``, and these are averaged by depth. The gains along a line then add up to

        level = fitness + sum over depths 1 .. own of the mean gain of controls

    which is the fitness that the individual would have had with the ancestor's training alone.

    A genome is represented by the last complete control of it: its level is measured anew after its selection, which
    takes back what was luck, and its children inherit weights that are trained for longer.
    """

    needs_controls: ClassVar[bool] = True

    def rank(self, candidates: Sequence[Individual], count: int) -> list[Individual]:
        """Return the candidates of least level, where they alone are all there is."""
        return self.best(History(candidates), count)

    def best(self, history: History, count: int, before: int | None = None) -> list[Individual]:
        """Return the genomes of least level."""
        index = history.index(self, _Depths)
        index.take_in(history)
        offsets = index.offsets(before)
        runs = (_shifted(order, offsets[depth]) for depth, order in index.orders.items())
        found: list[Individual] = []
        genotypes = set()
        for _, number in heapq.merge(*runs):
            individual = history[number]
            if individual.genotype in genotypes or not history.is_candidate(individual, before):
                continue
            if _is_superseded(history, individual, before):
                continue
            genotypes.add(individual.genotype)
            found.append(individual)
            if len(found) == count:
                break
        return found


class _Depths:
    """Complete individuals by depth, each depth in order of fitness, and what controls gained there.

    Attributes:
        orders: by depth, pairs of fitness and number, ascending.
    """

    def __init__(self) -> None:
        self.orders: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self._gains: dict[tuple[int, int], list[float]] = defaultdict(list)
        self._taken_in = 0

    def take_in(self, history: History) -> None:
        """Note the individuals that have completed since the last time."""
        for individual in history.completed[self._taken_in :]:
            assert individual.fitness is not None  # it is complete
            depth = history.depth(individual.number)
            bisect.insort(self.orders[depth], (individual.fitness, individual.number))
            parent = None if individual.parent is None else history.get(individual.parent)
            if individual.role is Role.CONTROL and parent is not None and parent.fitness is not None:
                self._gains[depth, individual.generation].append(parent.fitness - individual.fitness)
        self._taken_in = len(history.completed)

    def offsets(self, before: int | None) -> Mapping[int, float]:
        """Return by depth what training alone has gained down to it, as controls of earlier generations say.

        A depth without a complete control counts as the one above it.
        """
        gains: dict[int, list[float]] = defaultdict(list)
        for (depth, generation), values in self._gains.items():
            if before is None or generation < before:
                gains[depth] += values
        offsets, last = {0: 0.0}, 0.0
        for depth in range(1, max(self.orders, default=0) + 1):
            if gains[depth]:
                last = float(np.mean(sorted(gains[depth])))
            offsets[depth] = offsets[depth - 1] + last
        return offsets


def _shifted(order: Sequence[tuple[float, int]], offset: float) -> Iterator[tuple[float, int]]:
    return ((fitness + offset, number) for fitness, number in order)


def _is_superseded(history: History, individual: Individual, before: int | None) -> bool:
    """Return whether there is a control of it that stands for its genome."""
    return any(
        control.fitness is not None and (before is None or control.generation < before)
        for control in history.controls_of(individual.number)
    )

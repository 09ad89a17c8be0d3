"""Which children are not worth training on: a limit for each epoch, from the learning curves of others."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.individuals.spec import IndividualResult, search_fitness
from evopose2d.evolution.sampler import Individual, Role
from evopose2d.training.result import EpochResult

_LEAST_CURVES = 4  # fewer say nothing of what is usual


class CurveStopping:
    """Returns the limits that a child must not exceed, known when it is dispatched.

    After each epoch but the last, a child is stopped whose fitness so far is worse than ``stopping_percentile``
    percent of those that the others had after as many epochs (as the median stopping rule: Golovin et al., "Google
    Vizier", KDD 2017, section 3.2.2). The others are the generation before (generational: so that limits do not
    depend on who finishes first) or the youngest complete individuals, as many as a generation has. A stopped one's
    curve counts as far as it goes, so that each epoch thins out those that the one before has left. Controls are
    never stopped, and nobody is compared with them.

    Args:
        evolve: section ``evolve``.
        others: returns the numbers of those that a child is compared with.
        read: returns what was measured of an individual, whatever became of its weights; None where nothing was.
    """

    def __init__(
        self,
        evolve: EvolveConfig,
        others: Callable[[Individual], Iterable[int]],
        read: Callable[[int], IndividualResult | None],
    ) -> None:
        self._evolve = evolve
        self._others = others
        self._read = read
        self._curves: OrderedDict[int, tuple[float, ...]] = OrderedDict()
        self._generation: tuple[int, tuple[float, ...]] = (-1, ())

    def learn(self, result: IndividualResult) -> None:
        """Note the learning curve of an individual that has finished."""
        if self._evolve.stopping == "none":
            return
        self._curves[result.number] = fitness_so_far(result, self._evolve)
        while len(self._curves) > 2 * self._evolve.children:
            self._curves.popitem(last=False)

    def limits(self, individual: Individual) -> tuple[float, ...]:
        """Return the greatest fitness so far with which a child is trained on after epoch 1, 2, ...; empty: any."""
        evolve = self._evolve
        if evolve.stopping == "none" or individual.role is not Role.CHILD:
            return ()
        if evolve.schedule == "steady-state":
            return self._limits(self._others(individual))
        if self._generation[0] != individual.generation:
            self._generation = individual.generation, self._limits(self._others(individual))
        return self._generation[1]

    def _limits(self, numbers: Iterable[int]) -> tuple[float, ...]:
        curves = [self._curve(number) for number in numbers]
        limits = []
        for epoch in range(1, self._evolve.child_epochs):
            values = [curve[epoch - 1] for curve in curves if len(curve) >= epoch]
            if epoch < self._evolve.stopping_epochs or len(values) < _LEAST_CURVES:
                limits.append(float("inf"))
            else:
                limits.append(float(np.percentile(values, self._evolve.stopping_percentile)))
        return tuple(limits)

    def _curve(self, number: int) -> tuple[float, ...]:
        if number not in self._curves:
            result = self._read(number)
            if result is None:
                return ()
            self.learn(result)
        return self._curves[number]


def fitness_so_far(result: IndividualResult, evolve: EvolveConfig) -> tuple[float, ...]:
    """Return the fitness that an individual would have had after each of its epochs."""
    losses = [epoch.val_loss for epoch in result.epochs]
    return tuple(search_fitness(losses[:count], result.parameters, evolve) for count in range(1, len(losses) + 1))


def exceeds(epochs: Sequence[EpochResult], parameters: int, limits: Sequence[float], evolve: EvolveConfig) -> bool:
    """Return whether a training is to be stopped after its last epoch so far.

    Args:
        epochs: all so far.
        parameters: of its network.
        limits: as ``CurveStopping.limits`` returns them.
        evolve: section ``evolve``.
    """
    if not epochs or len(epochs) > len(limits):
        return False
    so_far = search_fitness([epoch.val_loss for epoch in epochs], parameters, evolve)
    return so_far > limits[len(epochs) - 1]

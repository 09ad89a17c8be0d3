"""Which children are not worth training on: a limit for each epoch, from the learning curves of others."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.sampler import Individual, generation_of
from evopose2d.evolution.spec import IndividualResult
from evopose2d.fitness import fitness
from evopose2d.training.result import EpochResult

_LEAST_CURVES = 4  # fewer say nothing of what is usual


class CurveStopping:
    """Gives the limits that a child must not exceed, known when it is dispatched.

    After each epoch but the last, a child is stopped whose fitness so far is worse than ``stopping_percentile``
    percent of those that the others had after as many epochs (as the median stopping rule: Golovin et al., "Google
    Vizier", KDD 2017, section 3.2.2). The others are the generation before (generational: so that limits do not
    depend on who finishes first) or the youngest complete individuals, as many as a generation has. A stopped one's
    curve counts as far as it goes, so that each epoch thins out those that the one before has left.

    Args:
        evolve: section ``evolve``.
        youngest: gives the complete individuals of greatest number, at most so many.
        read: gives an individual's result; None where it has none.
    """

    def __init__(
        self,
        evolve: EvolveConfig,
        youngest: Callable[[int], Iterable[Individual]],
        read: Callable[[int], IndividualResult | None],
    ) -> None:
        self._evolve = evolve
        self._youngest = youngest
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

    def limits(self, number: int) -> tuple[float, ...]:
        """Give the greatest fitness so far that lets a child go on after epoch 1, 2, ...; empty: it is not stopped."""
        evolve = self._evolve
        if evolve.stopping == "none" or number == 0:
            return ()
        if evolve.schedule == "steady-state":
            return self._limits([each.number for each in self._youngest(evolve.children)])
        generation = generation_of(number, evolve.children)
        if self._generation[0] != generation:
            first = 1 + (generation - 1) * evolve.children
            self._generation = generation, self._limits(range(first - evolve.children, first))
        return self._generation[1]

    def _limits(self, numbers: Iterable[int]) -> tuple[float, ...]:
        curves = [self._curve(number) for number in numbers if number > 0]
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
    """Give the fitness that an individual would have had after each of its epochs."""
    losses = [epoch.val_loss for epoch in result.epochs]
    return tuple(
        fitness(
            losses[:count],
            result.parameters,
            target_parameters=evolve.target_parameters,
            exponent=evolve.size_exponent,
        )
        for count in range(1, len(losses) + 1)
    )


def exceeds(epochs: Sequence[EpochResult], parameters: int, limits: Sequence[float], evolve: EvolveConfig) -> bool:
    """Tell whether a training is to be stopped after its last epoch so far.

    Args:
        epochs: all so far.
        parameters: of its network.
        limits: as ``CurveStopping.limits`` gives them.
        evolve: section ``evolve``.
    """
    if not epochs or len(epochs) > len(limits):
        return False
    so_far = fitness(
        [epoch.val_loss for epoch in epochs],
        parameters,
        target_parameters=evolve.target_parameters,
        exponent=evolve.size_exponent,
    )
    return so_far > limits[len(epochs) - 1]

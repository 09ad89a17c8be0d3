"""A search to be run in milliseconds: genotypes are judged by the surrogate, with the noise of real trainings."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evopose2d.fitness import EXPONENT, TARGET_PARAMETERS, fitness
from evopose2d.genotype import Genotype, PaperSpace, neighbours
from evopose2d.quality.sample import uniform
from evopose2d.quality.surrogate import Surrogate

_STARTS = 10
_DRAWN = 500


@dataclass(frozen=True)
class Judged:
    """A genotype as a search would come to know it.

    Attributes:
        fitness: lower is fitter.
        val_loss: least val loss.
        ap: 0 to 1.
        parameters: of its network.
        multiply_adds: of a forward pass over one image.
    """

    fitness: float
    val_loss: float
    ap: float
    parameters: int
    multiply_adds: int

    @property
    def measurements(self) -> dict[str, float]:
        """All but the fitness by name, as an individual tells what else a search may rank it by."""
        return {name: value for name, value in asdict(self).items() if name != "fitness"}


class Problem:
    """Judges genotypes by trainings from random weights, as the surrogate predicts them.

    Args:
        surrogate: of a table.
        target_parameters: of the fitness.
        size_exponent: of the fitness.

    Attributes:
        space: to search in.
    """

    def __init__(
        self, surrogate: Surrogate, target_parameters: float = TARGET_PARAMETERS, size_exponent: float = EXPONENT
    ) -> None:
        self.space: PaperSpace = surrogate.setting.space
        self._surrogate = surrogate
        self._target = target_parameters
        self._exponent = size_exponent
        self._known: dict[Genotype, Judged] = {}

    def true(self, genotype: Genotype) -> Judged:
        """Judge a genotype without noise; it is predicted once."""
        if genotype not in self._known:
            self._learn([genotype])
        return self._known[genotype]

    def size_factor(self, genotype: Genotype) -> float:
        """Return the fitness of a genotype over its loss, which no training has to tell."""
        return self._weighed(1.0, self._surrogate.setting.size(genotype).parameters)

    def observe(self, genotype: Genotype, rng: np.random.Generator) -> Judged:
        """Judge a genotype by one training."""
        true, noise = self.true(genotype), self._surrogate.noise
        factor = float(np.exp(rng.normal(0.0, noise.log_val_loss)))
        ap = float(np.clip(true.ap + rng.normal(0.0, noise.ap), 0.0, 1.0))
        return replace(true, fitness=true.fitness * factor, val_loss=true.val_loss * factor, ap=ap)

    def best(self, starts: Sequence[Genotype] = (), seed: int = 0) -> tuple[Genotype, float]:
        """Seek the fittest genotype, by descent along single mutations from many starts.

        Args:
            starts: further ones besides the ancestor and the best of 500 drawn uniformly.
            seed: of the drawing.

        Returns:
            The genotype and its fitness without noise: at most that of every start.
        """
        rng = np.random.default_rng(seed)
        drawn = [uniform(self.space, rng) for _ in range(_DRAWN)]
        fitnesses = self._fitnesses(drawn)
        chosen = [drawn[index] for index in np.argsort(fitnesses, kind="stable")[:_STARTS]]
        ends = [self._descend(start) for start in (self.space.ancestor, *starts, *chosen)]
        return min(ends, key=lambda end: end[1])

    def _descend(self, start: Genotype) -> tuple[Genotype, float]:
        here, value = start, self.true(start).fitness
        while True:
            around = neighbours(here, self.space)
            fitnesses = self._fitnesses(around)
            least = int(np.argmin(fitnesses))
            if fitnesses[least] >= value:
                return here, value
            here, value = around[least], float(fitnesses[least])

    def _fitnesses(self, genotypes: Sequence[Genotype]) -> NDArray[np.float64]:
        self._learn([genotype for genotype in genotypes if genotype not in self._known])
        return np.array([self._known[genotype].fitness for genotype in genotypes])

    def _learn(self, genotypes: Sequence[Genotype]) -> None:
        if not genotypes:
            return
        predicted = self._surrogate.predict(genotypes)
        for genotype, val_loss, ap in zip(genotypes, predicted.val_loss, predicted.ap, strict=True):
            size = self._surrogate.setting.size(genotype)
            value = self._weighed(val_loss, size.parameters)
            self._known[genotype] = Judged(value, float(val_loss), float(ap), size.parameters, size.multiply_adds)

    def _weighed(self, val_loss: float, parameters: int) -> float:
        return fitness(val_loss, parameters, target_parameters=self._target, exponent=self._exponent)

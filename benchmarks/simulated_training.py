"""Trainings that only seem to happen: learning curves and durations as those of a search's individuals."""

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.evolution.individuals.configuration import network_size
from evopose2d.evolution.individuals.early_stopping import exceeds
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.genotype import Genotype
from evopose2d.training.result import EpochResult

_LOSS = 100.0  # of a network of average genes, trained to the end
_UNTRAINED = 450.0
_GENE_SPREAD = 0.02  # standard deviation of what one gene does to the loss, as a share
_DAMAGE = 0.3  # of what a mutation does to the inherited loss, as a share
_EPOCHS = 4.0  # in which what is left to learn falls to 1 / e
_NOISE = 0.01


class SimulatedTraining:
    """Makes up individuals' results: functions of the individual, its parent's last loss and the seed alone.

    Every gene's every value raises or lowers the loss that a network comes down to in the end by some percent. A
    child starts from its parent's last loss, damaged by the mutation, and comes down from there exponentially.
    Seconds are log-normal: around a mean, and in proportion to the epochs trained.

    Args:
        params: the search's settings.
        keypoints: K, channels of the heatmaps.
        seconds: mean of a child's training.
        spread: standard deviation of the seconds' logarithm.
        seed: of everything drawn.
    """

    def __init__(self, params: Params, keypoints: int, *, seconds: float, spread: float, seed: int) -> None:
        self._params = params
        self._keypoints = keypoints
        self._seconds = seconds / params.evolve.child_epochs
        self._spread = spread
        self._seed = seed
        self._last_loss: dict[int, float] = {}

    def __call__(self, spec: IndividualSpec) -> IndividualResult:
        """Make up an individual's training; its parent's has to come before."""
        rng = np.random.default_rng([self._seed, spec.number])
        pace = float(rng.lognormal(-(self._spread**2) / 2, self._spread)) * self._seconds
        evolve = self._params.evolve
        size = network_size(self._params.model, spec.genotype, self._keypoints)
        epochs: tuple[EpochResult, ...] = ()
        for number, loss in enumerate(self._curve(spec, rng), start=1):
            ap = max(0.0, 1.0 - loss / 200.0)
            epochs = (*epochs, EpochResult(number, 1.1 * loss, loss, ap, 1e-4, 100.0, pace))
            if exceeds(epochs, size.parameters, spec.limits, evolve):
                break
        self._last_loss[spec.number] = epochs[-1].val_loss
        return IndividualResult.of(spec, epochs, size, evolve, seconds=pace * len(epochs), host="simulated")

    def _curve(self, spec: IndividualSpec, rng: np.random.Generator) -> list[float]:
        floor = self._floor(spec.genotype)
        loss = _UNTRAINED
        if spec.parent is not None and spec.parent_genotype is not None:
            loss = max(floor, self._last_loss[spec.parent]) * (1.0 + _DAMAGE * abs(float(rng.normal())))
        kept = float(np.exp(-1.0 / (_EPOCHS * rng.lognormal(0.0, 0.3))))
        losses = []
        for _ in range(spec.epochs):
            loss = floor + kept * (loss - floor)
            losses.append(loss * float(np.exp(_NOISE * rng.normal())))
        return losses

    def _floor(self, genotype: Genotype) -> float:
        effects = [
            np.random.default_rng([self._seed, place, gene, value]).normal()
            for place, block in enumerate(genotype.blocks)
            for gene, value in enumerate(block)
        ]
        return _LOSS * float(np.exp(_GENE_SPREAD * sum(effects)))

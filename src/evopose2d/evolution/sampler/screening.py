"""Screening: of several mutants, the one is trained that promises most by what the search has learned of its genes."""

from collections.abc import Callable, Container, Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evopose2d.evolution.sampler.record import Individual
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.genotype import Genotype, NoUnseenNeighbour, SearchSpace, mutate

LEAST_KNOWN = 4
"""Individuals from which on anything is learned."""
MOST_KNOWN = 512
"""Individuals, the youngest, of which it is learned: what a proposal costs does not grow with the search."""

_PRIORS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # variance of the noise over that of an effect
_LEAST_DEVIATION = 0.1  # of an input: one that hardly varies tells nothing
_NOTHING = 1e-12
_NORMAL = 1.4826  # standard deviation of a normal distribution over its median absolute deviation


Score = Callable[[Sequence[Genotype]], NDArray[np.float64]]
"""Returns (n,) scores of n genotypes, least for the most promising."""


class GeneEffects:
    """Linear effects of genes on a value of individuals, with how uncertain they are.

    Bayesian ridge regression (MacKay, "Bayesian interpolation", Neural Computation 4(3), 1992, which chooses the prior
    by its evidence). The generation is an input besides the genes: those who come later have inherited more training,
    whatever their genes.

    Args:
        individuals: at least one.
        values: (n,) of each, least for the best.
        space: that they are of.
    """

    def __init__(self, individuals: Sequence[Individual], values: NDArray[np.float64], space: SearchSpace) -> None:
        self._space = space
        self._generation = max(each.generation for each in individuals)
        inputs = self._inputs([each.genotype for each in individuals], [each.generation for each in individuals])
        self._mean = inputs.mean(axis=0)
        self._deviation = np.maximum(inputs.std(axis=0), _LEAST_DEVIATION)
        self._level, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._fit((inputs - self._mean) / self._deviation, (values - self._level) / self._scale)

    def draw(self, rng: np.random.Generator) -> Score:
        """Draw effects as they may be (Thompson sampling): what is uncertain is tried out now and then.

        Args:
            rng: source of randomness.

        Returns:
            A function that predicts the values of genotypes of the latest generation.
        """
        effects = self._effects + self._root @ rng.normal(size=len(self._effects))

        def score(genotypes: Sequence[Genotype]) -> NDArray[np.float64]:
            inputs = self._inputs(genotypes, [self._generation] * len(genotypes))
            return np.asarray(self._level + self._scale * ((inputs - self._mean) / self._deviation @ effects))

        return score

    def _inputs(self, genotypes: Sequence[Genotype], generations: Sequence[int]) -> NDArray[np.float64]:
        genes = [_genes(genotype, self._space) for genotype in genotypes]
        return np.column_stack([np.array(genes, dtype=np.float64), np.log1p(generations)])

    def _fit(self, inputs: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Find the mean of the effects, and a root of their covariance."""
        squares, axes = np.linalg.eigh(inputs.T @ inputs)
        squares = np.maximum(squares, 0.0)
        projected = axes.T @ inputs.T @ scores
        found = squares > _NOTHING * squares.max(initial=1.0)
        along = np.where(found, projected / np.sqrt(np.where(found, squares, 1.0)), 0.0)
        rest = max(float(scores @ scores - along @ along), 0.0)

        def noise(prior: float) -> float:
            return max((float(np.sum(prior * along**2 / (squares + prior))) + rest) / len(scores), _NOTHING)

        def evidence(prior: float) -> float:
            """Return the logarithm of how probable the scores are, the noise's variance chosen to suit them."""
            return -0.5 * (len(scores) * float(np.log(noise(prior))) + float(np.log1p(squares / prior).sum()))

        prior = max(_PRIORS, key=evidence)
        self._effects = axes @ (np.sqrt(squares) * along / (squares + prior))
        self._root = axes * np.sqrt(noise(prior) / (squares + prior))


def screened_mutant(
    parent: Genotype,
    known: Sequence[Individual],
    seen: Container[Hashable],
    settings: EvolutionSettings,
    rng: np.random.Generator,
    fix: Callable[[Genotype], Genotype],
) -> Genotype:
    """Draw ``settings.screening`` mutants of a parent, and return the one that promises most.

    Args:
        parent: the genotype to change.
        known: complete individuals; where there are fewer than four, size decides, if its share is known, or else the
            first mutant is as good as any.
        seen: fingerprints of the genotypes that must not come again.
        settings: of the algorithm.
        rng: source of randomness.
        fix: as :func:`evopose2d.genotype.mutate` takes it.

    Raises:
        NoUnseenNeighbour: all genotypes one mutation away from the parent have been seen.
        ValueError: ``parent`` lies outside the space.
        SearchError: an individual lacks a measurement that the selection ranks by.
    """
    screened = settings.screening > 1 and (len(known) >= LEAST_KNOWN or (known and _knows_size(settings)))
    drawn = [_mutant(parent, seen, settings, rng, fix) for _ in range(settings.screening if screened else 1)]
    if not screened:
        return drawn[0]
    youngest = sorted(known, key=lambda each: each.number)[-MOST_KNOWN:]
    return drawn[int(np.argmin(promise(youngest, settings, rng)(drawn)))]


def promise(known: Sequence[Individual], settings: EvolutionSettings, rng: np.random.Generator) -> Score:
    """Learn from individuals what genotypes promise.

    Where the fitness decides and its share of a network's size is known (``settings.size_factor``), effects on the
    logarithm of the loss alone are learned, and the size, which no training has to tell, is added for each genotype; of
    fewer than four individuals nothing is learned, and it decides alone. Else they are effects on the rank.

    Args:
        known: complete individuals, at least one.
        settings: of the algorithm.
        rng: source of randomness.

    Raises:
        SearchError: an individual lacks a measurement that the selection ranks by.
    """
    weight = settings.size_factor
    if weight is None or not _knows_size(settings):
        ranked = settings.strategy.rank(known, len(known))
        return GeneEffects(ranked, _normal_scores(len(ranked)), settings.space).draw(rng)

    def log_weights(genotypes: Sequence[Genotype]) -> NDArray[np.float64]:
        return np.log([weight(genotype) for genotype in genotypes])

    if len(known) < LEAST_KNOWN:
        return log_weights
    fitnesses = np.array([each.fitness for each in known], dtype=np.float64)
    losses = np.log(fitnesses) - log_weights([each.genotype for each in known])
    loss = GeneEffects(known, _without_outliers(losses), settings.space).draw(rng)
    return lambda genotypes: loss(genotypes) + log_weights(genotypes)


def _knows_size(settings: EvolutionSettings) -> bool:
    """Return whether what a mutant's size does to its rank is known before it is trained."""
    return settings.size_factor is not None and settings.by_fitness and settings.strategy.needs == {"fitness"}


def _mutant(
    parent: Genotype,
    seen: Container[Hashable],
    settings: EvolutionSettings,
    rng: np.random.Generator,
    fix: Callable[[Genotype], Genotype],
) -> Genotype:
    """Mutate at least once; the last mutation leads to a genotype that has not been seen."""
    between = parent
    for _ in range(int(rng.geometric(1 / settings.mutations)) - 1 if settings.mutations > 1 else 0):
        between = mutate(between, settings.space, (), rng, settings.fingerprint, fix)
    try:
        return mutate(between, settings.space, seen, rng, settings.fingerprint, fix)
    except NoUnseenNeighbour:
        if between == parent:
            raise
        return mutate(parent, settings.space, seen, rng, settings.fingerprint, fix)


def _genes(genotype: Genotype, space: SearchSpace) -> list[float]:
    """Describe the genes that can vary by numbers; of ordered ones, ratios count rather than differences."""
    values = genotype.genes
    varied = ((values[name], gene.ordered) for name, gene in space.genes.items() if len(gene.values) > 1)
    return [float(np.log1p(value)) if ordered else float(value) for value, ordered in varied]


def _without_outliers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring values to within three robust standard deviations of their median: a training may go astray."""
    median = np.median(values)
    reach = 3 * _NORMAL * float(np.median(np.abs(values - median)))
    return np.clip(values, median - reach, median + reach) if reach else values


def _normal_scores(count: int) -> NDArray[np.float64]:
    """Return the expected place of each rank in a normal distribution, least for the best."""
    return np.array([NormalDist().inv_cdf((rank + 0.5) / count) for rank in range(count)])

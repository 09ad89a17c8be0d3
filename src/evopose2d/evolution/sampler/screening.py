"""Screening: of several mutants, the one is trained that promises most by what the search has learned of its genes."""

from collections.abc import Callable, Container, Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evopose2d.evolution.sampler.record import Individual
from evopose2d.genotype import Genotype, NoUnseenNeighbour, SearchSpace, mutate

LEAST_KNOWN = 4
"""Individuals from which on anything is learned."""

_PRIORS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # variance of the noise over that of an effect
_LEAST_DEVIATION = 0.1  # of an input: one that hardly varies tells nothing


class GeneEffects:
    """Linear effects of genes on an individual's rank, with how uncertain they are.

    Bayesian ridge regression (MacKay, "Bayesian interpolation", Neural Computation 4(3), 1992, which chooses the prior
    by its evidence) of normal scores: ranks do not care for the scale of a loss, or for a training that went astray.
    The generation is an input besides the genes: those who come later have inherited more training, whatever their
    genes.

    Args:
        ranked: individuals, best first, at least one.
        space: that they are of.
    """

    def __init__(self, ranked: Sequence[Individual], space: SearchSpace) -> None:
        self._space = space
        self._generation = max(each.generation for each in ranked)
        inputs = self._inputs([each.genotype for each in ranked], [each.generation for each in ranked])
        self._mean = inputs.mean(axis=0)
        self._deviation = np.maximum(inputs.std(axis=0), _LEAST_DEVIATION)
        self._fit((inputs - self._mean) / self._deviation, _normal_scores(len(ranked)))

    def draw(self, rng: np.random.Generator) -> Callable[[Sequence[Genotype]], NDArray[np.float64]]:
        """Draw effects as they may be (Thompson sampling): what is uncertain is tried out now and then.

        Args:
            rng: source of randomness.

        Returns:
            A function that gives (n,) scores of n genotypes of the latest generation, least for the best.
        """
        effects = self._effects + self._root @ rng.normal(size=len(self._effects))

        def score(genotypes: Sequence[Genotype]) -> NDArray[np.float64]:
            inputs = self._inputs(genotypes, [self._generation] * len(genotypes))
            return np.asarray((inputs - self._mean) / self._deviation @ effects)

        return score

    def _inputs(self, genotypes: Sequence[Genotype], generations: Sequence[int]) -> NDArray[np.float64]:
        genes = [_genes(genotype, self._space) for genotype in genotypes]
        return np.column_stack([np.array(genes, dtype=np.float64), np.log1p(generations)])

    def _fit(self, inputs: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Find the mean of the effects, and a root of their covariance."""
        left, values, right = np.linalg.svd(inputs, full_matrices=True)
        values = np.pad(values, (0, inputs.shape[1] - len(values)))
        along = (left.T @ scores)[: len(values)]
        along = np.pad(along, (0, len(values) - len(along)))
        rest = max(float(scores @ scores - along @ along), 0.0)
        best = max(_PRIORS, key=lambda prior: _evidence(values, along, rest, len(scores), prior))
        noise = _noise(values, along, rest, len(scores), best)
        self._effects = right.T @ (values * along / (values**2 + best))
        self._root = right.T * np.sqrt(noise / (values**2 + best))


def screen(
    parent: Genotype,
    effects: GeneEffects | None,
    space: SearchSpace,
    seen: Container[Hashable],
    rng: np.random.Generator,
    fingerprint: Callable[[Genotype], Hashable],
    fix: Callable[[Genotype], Genotype],
    *,
    candidates: int,
    mutations: float,
) -> Genotype:
    """Draw mutants of a parent, and give the one that promises most.

    Args:
        parent: the genotype to change.
        effects: what is known of genes; None: nothing, so that the first mutant is as good as any.
        space: the genotypes allowed.
        seen: fingerprints of the genotypes that must not come again.
        rng: source of randomness.
        fingerprint: of a genotype.
        fix: as :func:`mutate` takes it.
        candidates: how many mutants are drawn, at least 1.
        mutations: mean of their numbers of mutations (geometrically distributed), at least 1.

    Raises:
        NoUnseenNeighbour: all genotypes one mutation away from the parent have been seen.
        ValueError: ``parent`` lies outside ``space``.
    """
    drawn = [_mutant(parent, space, seen, rng, fingerprint, fix, mutations)]
    if effects is None:
        return drawn[0]
    drawn += [_mutant(parent, space, seen, rng, fingerprint, fix, mutations) for _ in range(candidates - 1)]
    return drawn[int(np.argmin(effects.draw(rng)(drawn)))]


def _mutant(
    parent: Genotype,
    space: SearchSpace,
    seen: Container[Hashable],
    rng: np.random.Generator,
    fingerprint: Callable[[Genotype], Hashable],
    fix: Callable[[Genotype], Genotype],
    mutations: float,
) -> Genotype:
    """Mutate at least once; the last mutation leads to a genotype that has not been seen."""
    between = parent
    for _ in range(int(rng.geometric(1 / mutations)) - 1 if mutations > 1 else 0):
        between = mutate(between, space, (), rng, fingerprint, fix)
    try:
        return mutate(between, space, seen, rng, fingerprint, fix)
    except NoUnseenNeighbour:
        if between == parent:
            raise
        return mutate(parent, space, seen, rng, fingerprint, fix)


def _genes(genotype: Genotype, space: SearchSpace) -> list[float]:
    values: list[float] = []
    for index, block in enumerate(genotype.blocks):
        values += [block.kernel, block.repeats, float(np.log(block.channels))]
        values += [block.stride] if space.may_stride(index) else []
    return values


def _normal_scores(count: int) -> NDArray[np.float64]:
    """Give the expected place of each rank in a normal distribution, least for the best."""
    return np.array([NormalDist().inv_cdf((rank + 0.5) / count) for rank in range(count)])


def _noise(values: NDArray[np.float64], along: NDArray[np.float64], rest: float, count: int, prior: float) -> float:
    return max((float(np.sum(prior * along**2 / (values**2 + prior))) + rest) / count, 1e-12)


def _evidence(values: NDArray[np.float64], along: NDArray[np.float64], rest: float, count: int, prior: float) -> float:
    """Give the logarithm of how probable the scores are under a prior, the noise's variance chosen to suit it."""
    noise = _noise(values, along, rest, count, prior)
    return -0.5 * (count * float(np.log(noise)) + float(np.log1p(values**2 / prior).sum()))

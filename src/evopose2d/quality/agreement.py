"""How well ranks agree: a rule's, by which a search judges its children, and those of trainings in full."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from evopose2d.evolution.individuals.spec import IndividualResult

BEST = 5
"""Genotypes that count as the best."""

Score = tuple[float, float]
"""Fitness and negative AP: both are least for the best."""


@dataclass(frozen=True)
class Rule:
    """How a search judges its children.

    Attributes:
        epochs: of a child.
        inheritance: as ``evolve.inheritance``.
        random_numbers: whether all children share a seed (``common``) or have one each (``individual``).
    """

    epochs: int
    inheritance: str
    random_numbers: str

    @property
    def name(self) -> str:
        """Folder of its results."""
        return f"{self.inheritance}-{self.epochs}-{self.random_numbers}"


@dataclass(frozen=True)
class Agreement:
    """How well a rule's ranks agree with those of the trainings in full.

    Attributes:
        inheritance: of the rule.
        random_numbers: of the rule.
        epochs: of the rule.
        genotypes: that were ranked.
        kendall_fitness: tau-b of the fitness, -1 to 1; what a search goes by.
        kendall_ap: tau-b of the AP.
        best_fitness: how many of the five that are fittest in full are among the rule's fittest five.
        best_ap: the same by AP.
    """

    inheritance: str
    random_numbers: str
    epochs: int
    genotypes: int
    kendall_fitness: float
    kendall_ap: float
    best_fitness: int
    best_ap: int


def rules(epochs: Iterable[int], inheritance: Iterable[str], random_numbers: Iterable[str]) -> list[Rule]:
    """Return every combination."""
    return [
        Rule(count, each, numbers) for each, numbers, count in itertools.product(inheritance, random_numbers, epochs)
    ]


def score(result: IndividualResult) -> Score:
    """Return what a training is ranked by."""
    return result.fitness, -result.ap


def mean(scores: Sequence[Score]) -> Score:
    """Return the mean of several trainings of one genotype."""
    fittest, ap = np.mean(scores, axis=0)
    return float(fittest), float(ap)


def agreement(rule: Rule, truth: Sequence[Score], found: Sequence[Score]) -> Agreement:
    """Compare the scores of the same genotypes, in the same order."""
    true, judged = np.array(truth), np.array(found)
    by_fitness, by_ap = ((true[:, column], judged[:, column]) for column in (0, 1))
    return Agreement(
        inheritance=rule.inheritance,
        random_numbers=rule.random_numbers,
        epochs=rule.epochs,
        genotypes=len(true),
        kendall_fitness=float(kendalltau(*by_fitness).statistic),
        kendall_ap=float(kendalltau(*by_ap).statistic),
        best_fitness=len(_best(by_fitness[0]) & _best(by_fitness[1])),
        best_ap=len(_best(by_ap[0]) & _best(by_ap[1])),
    )


def _best(scores: NDArray[np.float64]) -> set[int]:
    return set(np.argsort(scores, kind="stable")[:BEST].tolist())

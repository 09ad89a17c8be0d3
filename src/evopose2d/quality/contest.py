"""Hold samplers against each other on a problem: how far from the best is what they found after so many trainings?"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray

from evopose2d.quality.contestants import Contestant
from evopose2d.quality.problem import Problem

EVALUATIONS = (10, 30, 100, 300)
"""Trainings after which regret is told."""


@dataclass(frozen=True)
class Standing:
    """Regret of a sampler after some trainings, over all seeds.

    Regret is the true fitness of the genotype that the search takes for the best (the least fitness observed),
    less that of the best genotype of the space.

    Attributes:
        sampler: its name.
        evaluations: trainings so far, the ancestor's included.
        quartile: a quarter of the searches have at most this regret.
        median: half of them.
        upper_quartile: three quarters.
        mean: of all.
    """

    sampler: str
    evaluations: int
    quartile: float
    median: float
    upper_quartile: float
    mean: float


def run_search(contestant: Contestant, problem: Problem, evaluations: int, seed: int) -> NDArray[np.float64]:
    """Run one search.

    Args:
        contestant: what searches.
        problem: what judges.
        evaluations: trainings.
        seed: of the sampler and of the noise.

    Returns:
        (evaluations,) true fitness of what the search takes for the best after 1, 2, ... trainings.
    """
    with _without_a_line_for_each_study():
        study = optuna.create_study(sampler=contestant.sampler(seed))
    if contestant.start is not None:
        study.enqueue_trial(contestant.start)
    rng = np.random.default_rng([seed, 1])
    incumbent, least, found = np.nan, np.inf, np.empty(evaluations)
    for index in range(evaluations):
        trial = study.ask()
        genotype = contestant.suggest(trial)
        observed = problem.observe(genotype, rng)
        for name, value in observed.measurements.items():
            trial.set_user_attr(name, value)
        study.tell(trial, observed.fitness)
        if observed.fitness < least:
            least, incumbent = observed.fitness, problem.true(genotype).fitness
        found[index] = incumbent
    return found


def compete(
    entered: Sequence[Contestant],
    problem: Problem,
    *,
    seeds: Sequence[int],
    evaluations: int,
    note: Callable[[str], None] = lambda name: None,
) -> dict[str, NDArray[np.float64]]:
    """Run searches of every contestant.

    Args:
        entered: who searches.
        problem: what judges.
        seeds: of the searches: one of each contestant for each.
        evaluations: trainings of each search.
        note: told of each contestant by name, before its searches.

    Returns:
        For each name (seeds, evaluations) regrets.
    """
    found = {}
    for each in entered:
        note(each.name)
        found[each.name] = np.array([run_search(each, problem, evaluations, seed) for seed in seeds])
    # A search may come upon one that is fitter than where the descents ended.
    best = min([problem.best()[1], *(float(values.min()) for values in found.values())])
    return {name: values - best for name, values in found.items()}


def standings(regrets: dict[str, NDArray[np.float64]], evaluations: Sequence[int] = EVALUATIONS) -> list[Standing]:
    """Summarise regrets after some numbers of trainings, those beyond the searches' length left out."""
    return [
        _standing(name, count, values[:, count - 1])
        for name, values in regrets.items()
        for count in evaluations
        if count <= values.shape[1]
    ]


def _standing(name: str, count: int, regrets: NDArray[np.float64]) -> Standing:
    lower, median, upper = (float(value) for value in np.quantile(regrets, (0.25, 0.5, 0.75)))
    return Standing(name, count, lower, median, upper, float(regrets.mean()))


@contextmanager
def _without_a_line_for_each_study() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)

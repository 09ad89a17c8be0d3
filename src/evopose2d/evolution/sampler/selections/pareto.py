"""Non-dominated sorting over several objectives."""

from collections.abc import Sequence

import numpy as np

from evopose2d.evolution.sampler.objectives import OBJECTIVES, Objective
from evopose2d.evolution.sampler.record import Individual
from evopose2d.evolution.sampler.selections.base import Selection
from evopose2d.fitness import pareto_order


class Pareto(Selection):
    """Ranks by front, within a front by room to the neighbours (NSGA-II; Deb et al. 2002), over all generations.

    Args:
        objectives: by default validation loss against parameters.
    """

    def __init__(self, objectives: Sequence[Objective] = (OBJECTIVES["val_loss"], OBJECTIVES["parameters"])) -> None:
        self.objectives = tuple(objectives)
        self.needs = frozenset().union(*(each.needs for each in self.objectives))

    def rank(self, candidates: Sequence[Individual], count: int) -> list[Individual]:
        """Return the candidates of the first fronts, those with most room first."""
        by_number = sorted(candidates, key=lambda each: each.number)
        points = [[objective(each) for objective in self.objectives] for each in by_number]
        shaped = np.reshape(points, (len(by_number), len(self.objectives)))
        return [by_number[index] for index in pareto_order(shaped, count)]

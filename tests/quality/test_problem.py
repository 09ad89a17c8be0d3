import numpy as np
import pytest
from tests.evolution.searching import SPACE
from tests.quality.made_up import LOSS_NOISE

from evopose2d.fitness import fitness
from evopose2d.genotype import neighbours
from evopose2d.quality.problem import Problem


def test_fitness_is_the_searchs(problem, surrogate):
    judged = problem.true(SPACE.ancestor)
    parameters = surrogate.setting.size(SPACE.ancestor).parameters
    assert judged.fitness == fitness(judged.val_loss, parameters)
    assert Problem(surrogate, size_exponent=0.0).true(SPACE.ancestor).fitness == judged.val_loss


def test_observations_have_the_noise_of_trainings(problem):
    rng = np.random.default_rng(0)
    seen = np.array([problem.observe(SPACE.ancestor, rng).fitness for _ in range(500)])
    assert np.log(seen).std() == np.clip(np.log(seen).std(), 0.8 * LOSS_NOISE, 1.3 * LOSS_NOISE)
    true = problem.true(SPACE.ancestor).fitness
    assert abs(np.log(seen / true).mean()) < 0.2 * LOSS_NOISE


@pytest.mark.slow
def test_the_best_has_no_better_neighbour(problem):
    best, value = problem.best()
    assert best in SPACE
    assert value == problem.true(best).fitness < problem.true(SPACE.ancestor).fitness
    assert all(problem.true(each).fitness >= value for each in neighbours(best, SPACE))

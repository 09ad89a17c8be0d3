"""The table that comes with the package: what it holds, and that searches by it come out as the documents say."""

import numpy as np
import pytest

from evopose2d.config.loading import load_params
from evopose2d.quality.contest import compete
from evopose2d.quality.contestants import PAPER, RANDOM, SCREENED, contestants
from evopose2d.quality.problem import Problem
from evopose2d.quality.surrogate import Surrogate, cross_validate, seed_noise
from evopose2d.quality.table import SHIPPED, read_table
from evopose2d.quality.truth import SMALL_SETTING, truth_settings


@pytest.fixture(scope="module")
def shipped():
    return read_table(SHIPPED)


def test_it_is_of_the_setting_that_the_command_makes(shipped, project_root):
    assert shipped.settings == truth_settings(load_params(project_root / "params.yaml", SMALL_SETTING))
    assert SHIPPED.stat().st_size < 2_000_000
    assert len(shipped.rows) == 800 and len({row.number for row in shipped.rows}) == 600
    assert sum(row.replicate == 2 for row in shipped.rows) == 100
    first = [row for row in shipped.rows if row.number == 0]
    assert len(first) == 3 and first[0].genotype.to_lists() == shipped.settings["evolve.ancestor"]
    assert all(np.isfinite(row.val_losses).all() and len(row.val_losses) == 4 for row in shipped.rows)


def test_its_val_losses_tell_genotypes_apart(shipped):
    noise = seed_noise(shipped)
    losses = np.log([row.val_loss for row in shipped.rows])
    assert 3.5 * noise.log_val_loss < losses.std()


@pytest.mark.slow
def test_genotypes_that_are_left_out_are_ranked_right(shipped):
    by_loss = next(each for each in cross_validate(shipped) if each.measure == "val_loss")
    assert by_loss.spearman > 0.85


@pytest.mark.slow
def test_screening_is_ahead_of_random_search_and_of_the_papers_rules(shipped):
    problem = Problem(Surrogate(shipped))
    entered = {
        each.name: each
        for each in contestants(problem.space, children=6, parents=2, size_factor=problem.size_factor)
        if each.name in (SCREENED, PAPER, RANDOM)
    }
    regrets = compete(list(entered.values()), problem, seeds=range(300, 303), evaluations=50)
    screened, paper, random = (regrets[name][:, -1].mean() for name in (SCREENED, PAPER, RANDOM))
    assert screened < 0.6 * paper and screened < 0.6 * random

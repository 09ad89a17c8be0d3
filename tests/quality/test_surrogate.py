from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.stats import kendalltau
from tests.evolution.searching import SPACE
from tests.quality.made_up import AP_NOISE, LOSS_NOISE, ap, log_loss, made_up_table

from evopose2d.errors import DataError
from evopose2d.genotype import Genotype
from evopose2d.quality.sample import sample
from evopose2d.quality.setting import TableSetting
from evopose2d.quality.surrogate import Surrogate, cross_validate, features, seed_noise


def others(count):
    """Genotypes of a sample that no table of the tests holds."""
    return [each.genotype for each in islice(sample(SPACE, 99), 1, count + 1)]


def test_genotypes_that_it_has_not_seen_are_ranked_as_they_are_worth(surrogate):
    unseen = others(100)
    predicted = surrogate.predict(unseen)
    assert kendalltau(predicted.val_loss, [log_loss(each) for each in unseen]).statistic > 0.85
    assert kendalltau(predicted.ap, [ap(each) for each in unseen]).statistic > 0.85
    assert np.allclose(np.log(predicted.val_loss), [log_loss(each) for each in unseen], atol=0.06)


@pytest.mark.slow
def test_the_same_table_gives_the_same_model(table, surrogate):
    unseen = others(20)
    again = Surrogate(table).predict(unseen)
    assert (again.val_loss == surrogate.predict(unseen).val_loss).all()


@pytest.mark.slow
def test_noise_is_that_between_seeds():
    noise = seed_noise(made_up_table(900))
    assert noise.log_val_loss == pytest.approx(LOSS_NOISE, rel=0.15)
    assert noise.ap == pytest.approx(AP_NOISE, rel=0.15)
    assert noise.trainings == 450


@pytest.mark.slow
def test_cross_validation_predicts_no_genotype_that_was_fitted(table):
    loss, average_precision = cross_validate(table)
    assert (loss.measure, average_precision.measure) == ("val_loss", "ap")
    assert loss.genotypes == 120
    assert 0.85 < loss.kendall < loss.spearman < loss.ceiling < 1
    assert loss.spread > 5
    # Where genes tell nothing, nothing can be predicted; a model that had seen what it predicts would say otherwise.
    rng = np.random.default_rng(0)
    shuffled = rng.permutation([row.val_losses for row in table.rows])
    rows = [replace(row, val_losses=tuple(losses)) for row, losses in zip(table.rows, shuffled, strict=True)]
    assert abs(cross_validate(replace(table, rows=rows))[0].kendall) < 0.2


def test_inputs_leave_out_what_the_space_fixes():
    setting = TableSetting(made_up_table(1).settings)
    inputs = features([SPACE.ancestor, *others(50)], setting)
    assert inputs.shape == (51, 7 * 3 + 3 + 2)
    assert (np.ptp(inputs, axis=0) > 0).all()


def test_a_setting_counts_networks_as_a_search_does(table):
    setting = TableSetting(table.settings)
    assert setting.space == SPACE
    wide = Genotype.from_lists([[3, 4, block.channels, block.stride] for block in SPACE.ancestor.blocks])
    assert setting.size(wide).parameters > setting.size(SPACE.ancestor).parameters > 0


def test_a_table_that_is_too_small_is_refused():
    with pytest.raises(DataError, match="at least 2"):
        Surrogate(made_up_table(6))
    with pytest.raises(DataError, match="at least 10 genotypes"):
        rows = [row for row in made_up_table(20).rows if row.number < 8 or row.replicate]
        Surrogate(replace(made_up_table(20), rows=[row for row in rows if row.number < 13]))

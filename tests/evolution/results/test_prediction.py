"""How far predicted latencies are off."""

import json

import pytest

from evopose2d.evolution.results.prediction import Checked, PredictionError, held_out, scale, table_path

CHECKED = [Checked("a", 1.0, 1.0), Checked("b", 2.0, 2.2), Checked("c", 4.0, 5.2), Checked("d", 3.0, 3.6)]


def test_a_network_is_predicted_by_what_was_measured_of_the_others_alone():
    assert scale(CHECKED) == pytest.approx(1.15)
    assert held_out(CHECKED) == pytest.approx([1.2 * 1.0, 1.2 * 2.0, 1.1 * 4.0, 1.1 * 3.0])


def test_the_error_of_predictions_is_told_by_its_median_its_worst_and_the_ranks():
    error = PredictionError.of(CHECKED)
    assert error.networks == 4
    assert error.worst == pytest.approx(0.2)
    assert error.median == pytest.approx((2.4 / 2.2 - 1 + 1 - 4.4 / 5.2) / 2)
    assert error.rank_correlation == pytest.approx(1.0)
    assert str(error).endswith("12.2% in the median and 20.0% at worst; rank correlation 1.00")
    turned = [Checked(each.genotype, each.parts, 10 - each.measured) for each in CHECKED]
    assert PredictionError.of(turned).rank_correlation < 0


def test_a_search_without_a_table_has_no_error(tmp_path):
    assert PredictionError.read(tmp_path) is None
    path = table_path(tmp_path)
    path.parent.mkdir()
    path.write_text(json.dumps({"checked": [vars(each) for each in CHECKED]}))
    assert PredictionError.read(tmp_path) == PredictionError.of(CHECKED)
    path.write_text("{")
    assert PredictionError.read(tmp_path) is None

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evopose2d.evaluation.oks import keypoint_similarity, labelled_oks, pairwise_oks

SIGMAS = (0.05, 0.1, 0.025)
AREA = 400.0


def pose(*points):
    return np.array([[x, y, 2.0] for x, y in points])


TRUTH = pose((10, 10), (30, 20), (15, 40))


def test_keypoint_similarity_is_the_formula():
    moved = TRUTH + np.array([3.0, 4.0, 0.0])

    similarity = keypoint_similarity(moved, TRUTH, AREA, SIGMAS)

    expected = [np.exp(-25.0 / (2 * AREA * (2 * sigma) ** 2)) for sigma in SIGMAS]
    assert similarity == pytest.approx(expected)


def test_labelled_oks_reads_labelled_keypoints_only():
    truth = np.stack([TRUTH, TRUTH])
    truth[1, 2] = 0.0
    predicted = np.stack([TRUTH, TRUTH])
    predicted[:, 2, :2] += 1e3

    assert labelled_oks(predicted, truth, np.full(2, AREA), SIGMAS) == pytest.approx([2 / 3, 1.0])


def test_labelled_oks_of_nobody_labelled_is_nan():
    assert np.isnan(labelled_oks(TRUTH[None], np.zeros((1, 3, 3)), np.array([AREA]), SIGMAS)).all()


def test_area_zero_tells_equal_from_unequal():
    predicted = np.stack([TRUTH, TRUTH + 1.0])

    assert labelled_oks(predicted, np.stack([TRUTH] * 2), np.zeros(2), SIGMAS) == pytest.approx([1.0, 0.0])


def test_pairwise_oks_takes_the_mean_area():
    keypoints = np.stack([TRUTH, TRUTH + np.array([2.0, 0.0, 0.0])])

    similarity = pairwise_oks(keypoints, np.array([100.0, 300.0]), SIGMAS)

    expected = np.mean([np.exp(-4.0 / (2 * 200.0 * (2 * sigma) ** 2)) for sigma in SIGMAS])
    assert similarity[0, 1] == pytest.approx(expected)


@given(hnp.arrays(np.float64, (4, 3, 2), elements=st.floats(-50, 50)))
def test_pairwise_oks_is_symmetric_and_one_on_its_diagonal(keypoints):
    similarity = pairwise_oks(keypoints, np.array([50.0, 100.0, 400.0, 900.0]), SIGMAS)

    assert similarity == pytest.approx(similarity.T)
    assert np.diag(similarity) == pytest.approx(np.ones(4))
    assert np.all((similarity >= 0) & (similarity <= 1))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evopose2d.evaluation.scoring import person_scores


def test_mean_of_the_keypoints_above_the_threshold_times_the_box_score():
    keypoint_scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2], [1.0, 1.0, 1.0]])

    scores = person_scores(keypoint_scores, np.array([0.5, 0.9, 0.25]), threshold=0.2)

    assert scores == pytest.approx([0.5 * 0.7, 0.0, 0.25])


def test_nobody():
    assert person_scores(np.zeros((0, 17)), np.zeros(0), 0.2).shape == (0,)


@given(
    hnp.arrays(np.float64, (6, 5), elements=st.floats(0, 1)),
    hnp.arrays(np.float64, 6, elements=st.floats(0, 1)),
    st.floats(0, 1),
)
def test_a_loop_over_people_gives_the_same(keypoint_scores, box_scores, threshold):
    expected = []
    for row, box_score in zip(keypoint_scores, box_scores, strict=True):
        above = [score for score in row if score > threshold]
        expected.append(box_score * sum(above) / len(above) if above else 0.0)

    assert person_scores(keypoint_scores, box_scores, threshold) == pytest.approx(expected)

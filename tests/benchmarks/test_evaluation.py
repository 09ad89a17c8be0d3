import numpy as np
import pytest
from benchmarks.crowd import draw_crowd
from benchmarks.evaluation import AP, DECODING, TOTAL, compare_steps, evaluate_both_ways


def test_both_ways_find_the_same_people():
    theirs, ours = evaluate_both_ways(draw_crowd(50), 16)

    np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=1e-3)
    assert [result["image_id"] for result in ours.results] == [result["image_id"] for result in theirs.results]
    assert 0.3 < theirs.ap < 0.99
    assert ours.ap == pytest.approx(theirs.ap, abs=0.002)
    steps = [row.step for row in compare_steps(theirs, ours)]
    assert (steps[0], steps[-2], steps[-1]) == (DECODING, AP, TOTAL)

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evopose2d.inheritance.selection import Reading, most_telling


def _reading(channels, outputs, seed):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((channels, channels))
    return Reading(factor @ factor.T / channels, rng.standard_normal((channels, outputs)))


def _unexplained(reading, kept):
    """Variance of the outputs that the kept channels do not predict."""
    covariance, rows = reading.covariance, reading.rows
    known = covariance[np.ix_(kept, kept)]
    outputs = covariance[kept] @ rows
    return np.trace(rows.T @ covariance @ rows) - np.trace(outputs.T @ np.linalg.solve(known, outputs))


@given(channels=st.integers(1, 12), data=st.data(), seed=st.integers(0, 1000))
@settings(max_examples=50)
def test_as_many_distinct_channels_as_asked_for(channels, data, seed):
    count = data.draw(st.integers(1, channels))
    chosen = most_telling([_reading(channels, 3, seed), _reading(channels, 2, seed + 1)], count)

    assert len(chosen) == count
    assert sorted(set(chosen)) == list(chosen)
    assert all(0 <= channel < channels for channel in chosen)


def test_silent_channels_go_first():
    reading = _reading(6, 4, seed=0)
    reading.rows[[1, 4]] = 0
    reading.covariance[[1, 4]] = reading.covariance[:, [1, 4]] = 0

    np.testing.assert_array_equal(most_telling([reading], 4), [0, 2, 3, 5])


def test_of_two_equal_channels_one_is_enough():
    covariance = np.eye(4)
    covariance[0, 1] = covariance[1, 0] = 1
    reading = Reading(covariance, np.diag([3.0, 3.0, 1.0, 2.0]))

    assert set(most_telling([reading], 2)) in ({0, 3}, {1, 3})


def test_choice_is_close_to_the_best_there_is():
    """Against every other choice, over several random readings."""
    excess = []
    for seed in range(20):
        reading = _reading(8, 5, seed)
        every = [_unexplained(reading, list(kept)) for kept in itertools.combinations(range(8), 4)]
        chosen = _unexplained(reading, list(most_telling([reading], 4)))
        excess.append((chosen - min(every)) / (np.median(every) - min(every)))

    assert np.median(excess) < 0.2


def test_all_readings_count():
    weak, strong = np.diag([1.0, 0.0, 0.0]), np.diag([0.0, 0.0, 2.0])
    readings = [Reading(np.eye(3), weak), Reading(np.eye(3), strong)]

    np.testing.assert_array_equal(most_telling(readings, 1), [2])
    np.testing.assert_array_equal(most_telling(readings, 2), [0, 2])

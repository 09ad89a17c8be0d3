"""Fitness and Pareto ranking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evopose2d.fitness import (
    crowding_distances,
    fitness,
    non_dominated_fronts,
    pareto_order,
)

# Small integers make equal points and equal columns frequent.
POINTS = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 4).map(float))
)


def test_fitness_by_hand():
    assert fitness([3.0, 1.5, 2.0], 5_000_000) == 1.5
    assert fitness(1.5, 10_000_000) == pytest.approx(1.5 * 2**0.07)
    assert fitness(1.5, 2_000_000, target_parameters=1e6, exponent=-0.5) == pytest.approx(1.5 * 2**0.5)
    assert fitness(1.5, 2_000_000, exponent=0.0) == 1.5


@given(loss=st.floats(1e-3, 1e3), gain=st.floats(0.01, 0.9), size=st.integers(1, 10**9), growth=st.integers(2, 9))
def test_less_loss_is_fitter_and_so_is_less_size(loss, gain, size, growth):
    assert fitness([loss, loss * gain], size) < fitness(loss, size) < fitness(loss, size * growth)


@pytest.mark.parametrize("losses", [[], [float("nan"), 1.0], [float("inf")]])
def test_fitness_needs_a_finite_loss(losses):
    with pytest.raises(ValueError, match="val_loss: got"):
        fitness(losses, 1000)


@pytest.mark.parametrize(("size", "target"), [(0, 5e6), (1000, 0.0)])
def test_fitness_needs_sizes(size, target):
    with pytest.raises(ValueError, match=f"parameters: got {size} with a target of {target}"):
        fitness(1.0, size, target_parameters=target)


def dominates(a, b):
    return bool(np.all(a <= b) and np.any(a < b))


def ranks_of(points):
    ranks = np.full(len(points), -1)
    for rank, front in enumerate(non_dominated_fronts(points)):
        ranks[front] = rank
    return ranks


def ranks_by_definition(points):
    ranks, remaining, rank = np.full(len(points), -1), set(range(len(points))), 0
    while remaining:
        front = {i for i in remaining if not any(dominates(points[j], points[i]) for j in remaining)}
        ranks[list(front)] = rank
        remaining -= front
        rank += 1
    return ranks


@given(POINTS)
def test_ranks_are_those_of_the_definition(points):
    assert ranks_of(points).tolist() == ranks_by_definition(points).tolist()


@given(POINTS)
def test_fronts_hold_every_point_once_in_order(points):
    fronts = list(non_dominated_fronts(points))
    assert sorted(np.concatenate(fronts).tolist()) == list(range(len(points)))
    assert all(front.tolist() == sorted(front) for front in fronts)


@given(POINTS, st.randoms(use_true_random=False))
def test_ranking_does_not_depend_on_the_order_of_points(points, random):
    shuffled = list(range(len(points)))
    random.shuffle(shuffled)
    assert (ranks_of(points[shuffled]) == ranks_of(points)[shuffled]).all()
    np.testing.assert_allclose(crowding_distances(points[shuffled]), crowding_distances(points)[shuffled])


def test_crowding_by_hand():
    points = [[0.0, 10.0], [1.0, 6.0], [3.0, 5.0], [4.0, 0.0]]
    expected = [np.inf, 3 / 4 + 5 / 10, 3 / 4 + 6 / 10, np.inf]
    np.testing.assert_allclose(crowding_distances(points), expected)
    assert crowding_distances([[2.0, 2.0]] * 3).tolist() == [0, 0, 0]


def test_order_is_by_front_then_by_room_then_by_index():
    points = [[5.0, 5.0], [1.0, 6.0], [0.0, 10.0], [3.0, 5.0], [4.0, 0.0], [6.0, 4.0]]
    assert ranks_of(points).tolist() == [1, 0, 0, 0, 0, 1]
    assert pareto_order(points).tolist() == [2, 4, 3, 1, 0, 5]


@given(POINTS, st.integers(0, 14))
def test_the_best_few_are_the_first_of_all(points, count):
    assert pareto_order(points, count).tolist() == pareto_order(points)[:count].tolist()


def test_no_points_have_no_order():
    assert pareto_order(np.zeros((0, 2))).tolist() == []
    assert list(non_dominated_fronts(np.zeros((0, 2)))) == []


@pytest.mark.parametrize("points", [[[1.0, np.nan]], [[np.inf, 1.0]]])
def test_points_are_finite(points):
    with pytest.raises(ValueError, match="must be finite numbers"):
        pareto_order(points)


def test_points_have_columns():
    with pytest.raises(ValueError, match=r"got shape \(3,\), must be"):
        pareto_order([1.0, 2.0, 3.0])

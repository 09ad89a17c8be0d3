"""Inheritance where children differ in what the paper's space leaves alone: expansion, squeeze, head."""

import itertools

import numpy as np
import pytest
from tests.inheritance.specimens import heatmaps, random_weights, smooth_images, spec_of, trained_weights

from evopose2d.inheritance import inherit
from evopose2d.networks.families.evopose2d import recorded


def _spec(expansion: int = 4, squeeze: int = 4, head: tuple[int, int] = (1, 8)):
    return spec_of([[3, 1, 2, 1, 1, 4], [3, 2, 3, 2, expansion, squeeze], [5, 1, 2, 2, 3, 2]], head=head)


def _child(parent, child):
    return inherit(parent, trained_weights(parent, seed=0), child, random_weights(child, 1), "function-preserving")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"expansion": 6}, {"squeeze": 2}, {"head": (1, 24)}, {"expansion": 5, "squeeze": 1}]
)
def test_child_that_grew_computes_its_parents_function(changes):
    parent, child = _spec(), _spec(**changes)
    images = smooth_images(parent)
    expected = heatmaps(parent, trained_weights(parent, seed=0), images)

    received = heatmaps(child, _child(parent, child), images)

    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(received, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_child_that_shrank_is_closer_to_its_parent_than_chance():
    parent = _spec(expansion=6, squeeze=2, head=(1, 16))
    images = smooth_images(parent)
    expected = heatmaps(parent, trained_weights(parent, seed=0), images)
    for changes in ({"expansion": 5}, {"squeeze": 4}, {"head": (1, 12)}):
        child = _spec(**{"expansion": 6, "squeeze": 2, "head": (1, 16)} | changes)
        received = heatmaps(child, _child(parent, child), images)
        strange = heatmaps(child, trained_weights(child, seed=5), images)
        assert np.square(received - expected).mean() < 0.5 * np.square(strange - expected).mean(), changes


@pytest.mark.slow
def test_any_child_has_weights_that_fit():
    """An expansion that begins or ends makes a block anew; head blocks are added and removed."""
    for before, after in itertools.permutations([(1, (1, 8)), (4, (2, 8)), (6, (0, 8))], 2):
        parent, child = _spec(before[0], head=before[1]), _spec(after[0], head=after[1])
        weights = _child(parent, child)
        shapes = {layer: {name: values.shape for name, values in arrays.items()} for layer, arrays in weights.items()}
        assert shapes == recorded(child).weight_shapes
        assert all(np.isfinite(values).all() for arrays in weights.values() for values in arrays.values())

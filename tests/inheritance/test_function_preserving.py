import itertools

import numpy as np
import pytest
from tests.inheritance.specimens import (
    heatmaps,
    random_weights,
    smooth_images,
    spec_of,
    trained_weights,
)

from evopose2d.inheritance import inherit
from evopose2d.inheritance.walk import walk
from evopose2d.networks.families.evopose2d import recorded

SMALLER, EQUAL, LARGER = -1, 0, 1
CHANGES = (SMALLER, EQUAL, LARGER)


def _spec(kernel=EQUAL, inputs=EQUAL, outputs=EQUAL, repeats=EQUAL, stride=2):
    """A network whose third block differs from the parent's; no change gains or loses a skip connection."""
    third = [5 + 2 * kernel, 2 + repeats, 5 + outputs, stride]
    return spec_of([[3, 1, 1, 1], [3, 2, 2 + inputs, 2], third, [3, 1, 7, 1]])


def _child(parent, child, seed=1, rule="function-preserving"):
    return inherit(parent, trained_weights(parent, seed=0), child, random_weights(child, seed), rule)


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "inputs", "outputs", "repeats"), list(itertools.product((EQUAL, LARGER), repeat=4)))
def test_child_that_grew_computes_its_parents_function(kernel, inputs, outputs, repeats):
    parent, child = _spec(), _spec(kernel, inputs, outputs, repeats)
    images = smooth_images(parent)
    expected = heatmaps(parent, trained_weights(parent, seed=0), images)

    received = heatmaps(child, _child(parent, child), images)

    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(received, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_child_that_grew_everywhere_computes_its_parents_function():
    genes = [[3, 1, 2, 1], [3, 2, 3, 2], [5, 1, 5, 2]]
    parent = spec_of(genes)
    child = spec_of([[5, 2, 3, 1], [5, 3, 6, 2], [7, 3, 7, 2]], head=(1, 16))
    images = smooth_images(parent)
    expected = heatmaps(parent, trained_weights(parent, seed=0), images)

    received = heatmaps(child, _child(parent, child), images)

    np.testing.assert_allclose(received, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["function-preserving", "original", "none"])
def test_any_child_has_weights_that_fit(rule):
    parent = _spec()
    for kernel, inputs, outputs, repeats in itertools.product(CHANGES, repeat=4):
        child = _spec(kernel, inputs, outputs, repeats, stride=1)
        weights = _child(parent, child, rule=rule)

        assert {
            layer: {name: values.shape for name, values in arrays.items()} for layer, arrays in weights.items()
        } == recorded(child).weight_shapes
        values = [values for arrays in weights.values() for values in arrays.values()]
        assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in values)
        assert all((arrays["moving_variance"] > 0).all() for arrays in weights.values() if "gamma" in arrays)


def test_inheriting_changes_none_of_its_arguments():
    parent, child = _spec(), _spec(SMALLER, LARGER, SMALLER, LARGER)
    parent_weights, initial = trained_weights(parent, seed=0), random_weights(child, seed=1)
    first = inherit(parent, parent_weights, child, initial, "function-preserving")
    second = inherit(
        parent, trained_weights(parent, seed=0), child, random_weights(child, seed=1), "function-preserving"
    )

    np.testing.assert_equal(parent_weights, trained_weights(parent, seed=0))
    np.testing.assert_equal(initial, random_weights(child, seed=1))
    np.testing.assert_equal(first, second)


def test_equal_child_has_its_parents_weights():
    parent = _spec()
    received, expected = _child(parent, parent), trained_weights(parent, seed=0)

    for layer, arrays in expected.items():
        for name, values in arrays.items():
            np.testing.assert_allclose(received[layer][name], values, atol=1e-6)


def test_new_channels_are_random_and_unread():
    parent, child = _spec(), _spec(outputs=LARGER)
    weights, initial = _child(parent, child), random_weights(child, seed=1)
    new_outputs = weights["block3a_project_conv"]["kernel"][..., 40:]
    rows = weights["block4a_expand_conv"]["kernel"]
    projected = weights["block4a_project_conv"]["kernel"]

    np.testing.assert_array_equal(new_outputs, initial["block3a_project_conv"]["kernel"][..., 40:])
    assert (rows[:, :, 40:, :240] == 0).all()
    assert (rows[:, :, :, 240:] != 0).any(axis=2).all()
    assert (projected[:, :, 240:] == 0).all()


def test_the_normalisation_of_new_channels_starts_at_what_they_give():
    child = _spec(outputs=LARGER)
    weights = _child(_spec(), child)
    given = {}
    walk(child, weights, lambda convolution, _, features: given.update({convolution.norm: features}))

    for norm, new in (("block3a_project_bn", np.s_[40:]), ("block4a_expand_bn", np.s_[240:])):
        assert len(weights[norm]["moving_variance"][new]) > 0
        np.testing.assert_allclose(weights[norm]["moving_variance"][new], given[norm].variance[new], rtol=1e-5)
        np.testing.assert_allclose(weights[norm]["moving_mean"][new], given[norm].mean[new], rtol=1e-4, atol=1e-6)


def test_new_repeat_is_an_identity_that_can_learn():
    parent, child = _spec(), _spec(repeats=LARGER)
    weights = _child(parent, child)

    norm = weights["block3c_project_bn"]
    assert (norm["gamma"] == 0).all() and (norm["beta"] == 0).all()
    assert (weights["block3c_expand_bn"]["gamma"] == 1).all()
    assert (weights["block3c_project_conv"]["kernel"] != 0).all()


@pytest.mark.slow
def test_lost_repeat_leaves_its_mean_behind():
    parent, child = _spec(), _spec(repeats=SMALLER)
    parent_weights = trained_weights(parent, seed=0)
    parent_weights["block3b_project_bn"]["gamma"][:] = 0  # so that the repeat does nothing but add its beta
    images = smooth_images(parent)

    weights = inherit(parent, parent_weights, child, random_weights(child, seed=1), "function-preserving")

    expected = heatmaps(parent, parent_weights, images)
    np.testing.assert_allclose(heatmaps(child, weights, images), expected, atol=1e-4 * np.abs(expected).max())


def test_constant_channel_can_be_lost():
    parent, child = _spec(), _spec(outputs=SMALLER)
    parent_weights = trained_weights(parent, seed=0)
    for repeat in "ab":
        parent_weights[f"block3{repeat}_project_bn"]["gamma"][8:16] = 0

    weights = inherit(parent, parent_weights, child, random_weights(child, seed=1), "function-preserving")

    gamma = parent_weights["block3a_project_bn"]["gamma"]
    np.testing.assert_array_equal(weights["block3a_project_bn"]["gamma"], np.delete(gamma, np.s_[8:16]))


def test_what_a_block_gives_is_made_greater_than_the_skip_connection_it_gained():
    genes = [[3, 1, 2, 1], [3, 1, 3, 2], [5, 1, 4, 1], [3, 2, 5, 1]]
    parent = spec_of(genes)
    genes[1][2] = 4
    own = trained_weights(parent, seed=0)["block3a_project_bn"]
    received = _child(parent, spec_of(genes))["block3a_project_bn"]

    for name in ("gamma", "beta"):
        np.testing.assert_allclose(received[name], 4 * own[name], rtol=1e-6)


@pytest.mark.slow
def test_gained_skip_connection_changes_little():
    genes = [[3, 1, 2, 1], [3, 1, 3, 2], [5, 1, 4, 1], [3, 2, 5, 1]]
    parent = spec_of(genes)
    genes[1][2] = 4
    child = spec_of(genes)
    assert [block.has_skip for block in child.blocks] == [False, False, True, False, True]
    images = smooth_images(parent)
    expected = heatmaps(parent, trained_weights(parent, seed=0), images)

    def difference(rule):
        return np.abs(heatmaps(child, _child(parent, child, rule=rule), images) - expected).mean()

    assert difference("function-preserving") < 0.2 * difference("original")

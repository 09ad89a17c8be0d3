"""Cutting a network into segments, and telling which of them compute the same."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from tests.training.conftest import TINY

from evopose2d.networks.build import build_network
from evopose2d.networks.segments import Segment, same_block, segments
from evopose2d.networks.swish import NormalisedSwish

WIDER_KERNEL = replace(TINY, genotype=[*TINY.genotype[:3], [5, 1, 2, 2], *TINY.genotype[4:]])
LONGER = replace(TINY, genotype=[TINY.genotype[0], [3, 3, 1, 2], *TINY.genotype[2:]])


def chain(model=TINY, seed=1) -> list[Segment]:
    return list(segments(build_network(model, 3, seed=seed), same_block))


def kinds(model=TINY, seed=1) -> list[str]:
    return [segment.kind("rate") for segment in chain(model, seed)]


def test_the_segments_hold_every_layer_once_and_make_up_the_network():
    network = build_network(TINY, 3, seed=1)
    parts = list(segments(network, same_block))
    assert [layer for part in parts for layer in part.layers] == network.layers[1:]
    images = features = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    for part in parts:
        features = part(features, training=False)
    np.testing.assert_array_equal(np.asarray(features), np.asarray(network(images, training=False)))


def test_each_bottleneck_and_head_block_is_a_segment():
    names = [part.layers[0].name for part in chain()]
    blocks = ["block1a_dwconv", "block2a_expand_conv", "block2b_expand_conv"]
    blocks += [f"block{number}a_expand_conv" for number in range(3, 8)]
    assert names == ["normalization", "stem_conv", *blocks, "head_block1_conv", "head_block2_conv", "final_conv"]


def test_no_cut_where_two_tensors_are_carried_on():
    images = keras.Input((8, 8, 3))
    left, right = keras.layers.ReLU(name="a")(images), keras.layers.ReLU(name="b")(images)
    joined = keras.layers.ReLU(name="d")(keras.layers.Add(name="c")([left, right]))
    parts = segments(keras.Model(images, joined), lambda name, other: False)
    assert [sorted(layer.name for layer in part.layers) for part in parts] == [["a", "b", "c"], ["d"]]


def test_no_cut_after_a_layer_that_gives_two_tensors():
    images = keras.Input((8, 8, 3))
    features, means = NormalisedSwish(pooled=True, name="a")(images)
    weighted = keras.layers.ReLU(name="c")(keras.layers.Multiply(name="b")([features, means]))
    parts = segments(keras.Model(images, weighted), lambda name, other: False)
    assert [[layer.name for layer in part.layers] for part in parts] == [["a", "b"], ["c"]]


def test_the_same_layers_wired_otherwise_are_another_kind():
    def kind(*order: int) -> str:
        images = keras.Input((8, 8, 3))
        first = keras.layers.ReLU()(images)
        second = keras.layers.ReLU()(first)
        joined = keras.layers.Concatenate()([(images, first, second)[place] for place in order])
        (whole,) = segments(keras.Model(images, joined), lambda name, other: True)
        return whole.kind()

    assert kind(0, 1, 2) == kind(0, 1, 2) != kind(0, 2, 1)


def test_names_and_seeds_do_not_tell_kinds_apart():
    assert kinds(seed=1) == kinds(seed=2)
    assert kinds()[-4] == kinds()[-5]  # two bottlenecks alike


@pytest.mark.slow
@pytest.mark.parametrize(("changed", "differing"), [(WIDER_KERNEL, 1), (replace(TINY, head_channels=16), 3)])
def test_a_changed_gene_changes_the_kinds_of_what_it_concerns(changed, differing):
    assert sum(one != other for one, other in zip(kinds(), kinds(changed), strict=True)) == differing


def test_rates_that_are_given_from_outside_do_not_tell_kinds_apart():
    assert set(kinds(LONGER)) == set(kinds())
    assert {part.kind() for part in chain(LONGER)} != {part.kind() for part in chain()}

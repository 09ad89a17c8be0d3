from dataclasses import replace

import numpy as np
import pytest

from evopose2d.networks.build import build_network
from evopose2d.networks.drop_connect import DropConnect
from evopose2d.networks.seeding import layer_seed, reseed


def test_layer_seeds_are_distinct_fixed_and_fit_31_bits():
    seeds = [layer_seed(seed, name) for seed in (0, 1, 2**40) for name in ("stem_conv", "block1a_bn", "block1a_b")]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert layer_seed(7, "stem_conv") == 2057286468


@pytest.mark.slow
def test_reseeding_repeats_what_drop_connect_draws(small_model):
    network = build_network(small_model, 5, seed=3)
    images = np.random.default_rng(0).uniform(0, 255, (16, 64, 32, 3)).astype("float32")

    def outputs(seed=None):
        if seed is not None:
            reseed(network, seed)
        return [np.asarray(network(images, training=True)) for _ in range(2)]

    first, second = outputs(seed=11)
    np.testing.assert_array_equal(outputs(seed=11), [first, second])
    assert not np.array_equal(first, second)
    assert not np.array_equal(outputs(seed=12)[0], first)


def test_drop_connect_noise_is_the_layers_own_whatever_else_the_network_holds(small_model):
    """A child with one repeat more sees the noise of its siblings everywhere else."""
    longer = [list(block) for block in small_model.genotype]
    longer[1][1] += 1
    ones = np.ones((4096, 1, 1, 1), np.float32)

    def kept(genotype):
        network = build_network(replace(small_model, genotype=genotype), 5, seed=3)
        reseed(network, 11)
        layers = [layer for layer in network.layers if isinstance(layer, DropConnect)]
        for layer in layers:
            layer.rate = 0.5  # the rates depend on all repeats: compare the noise behind them
        return {layer.name: [np.asarray(layer(ones, training=True)) > 0 for _ in range(2)] for layer in layers}

    base, child = kept(small_model.genotype), kept(longer)
    assert set(child) - set(base) == {"block2c_drop"}
    for name, noise in base.items():
        np.testing.assert_array_equal(child[name], noise)
    assert len({np.packbits(noise).tobytes() for name in child for noise in child[name]}) == 2 * len(child)

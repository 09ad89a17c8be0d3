import json
import subprocess
import sys
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from evopose2d.heatmaps import decode, encode, flip_back
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig, describe, recorded
from evopose2d.weights import save_weights


def test_gives_float32_heatmaps_of_uint8_crops(small_model):
    network = build_network(small_model, 5, seed=0)
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype=np.uint8)

    heatmaps = network(crops)

    assert [tensor.name for tensor in network.inputs] == ["images"]
    assert heatmaps.shape == (2, 16, 8, 5)
    assert keras.backend.standardize_dtype(heatmaps.dtype) == "float32"
    np.testing.assert_allclose(heatmaps, network(crops.astype("float32")), atol=1e-6)


def test_mixed_precision_keeps_normalisation_and_heatmaps_in_float32(small_model):
    exact = build_network(small_model, 5, seed=0)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_network(small_model, 5, seed=0)
    finally:
        keras.config.set_dtype_policy(policy)
    crops = np.random.default_rng(0).uniform(0, 255, (2, 64, 32, 3)).astype("float32")

    assert mixed.get_layer("normalization").compute_dtype == "float32"
    assert mixed.get_layer("block3a_dwconv").compute_dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    assert keras.backend.standardize_dtype(mixed(crops).dtype) == "float32"
    scale = np.abs(exact(crops)).max()
    np.testing.assert_allclose(mixed(crops), exact(crops), atol=0.05 * scale)


def test_initial_weights_follow_the_table(small_model):
    network = build_network(replace(small_model, head_channels=64), 17, seed=1)
    head = network.get_layer("head_block2_conv").get_weights()[0]  # 3, 3, 64 out, 64 in
    final = network.get_layer("final_conv").get_weights()[0]

    assert head.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.05)
    assert np.abs(final).max() == pytest.approx(np.sqrt(3 * (1 / 3) / 17), rel=0.05)
    assert np.abs(final).max() <= np.sqrt(1 / 17)


def test_same_seed_same_weights_whatever_was_built_before(small_model):
    own = build_network(small_model, 5, seed=4).get_weights()
    other = build_network(small_model, 5, seed=5).get_weights()

    for first, second in zip(own, build_network(small_model, 5, seed=4).get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(own[0], other[0])


def test_layers_of_one_shape_start_differently(small_model):
    network = build_network(small_model, 5, seed=4)
    first, second = (network.get_layer(f"block{name}_project_conv").get_weights()[0] for name in ("2a", "2b"))

    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_without_a_seed_networks_differ(small_model):
    first, second = (build_network(small_model, 5).get_weights()[0] for _ in range(2))

    assert not np.array_equal(first, second)


def test_drop_connect_drops_whole_samples(small_model):
    drop = build_network(small_model, 5, seed=0).get_layer("block7a_drop")
    outputs = np.asarray(drop(np.ones((1000, 2, 2, 3), "float32"), training=True))
    kept = outputs[:, 0, 0, 0] > 0

    np.testing.assert_allclose(outputs[kept], 1 / (1 - drop.rate), rtol=1e-6)
    assert not outputs[~kept].any()
    assert 1 - kept.mean() == pytest.approx(drop.rate, abs=0.04)


def test_published_size_is_built(reference):
    entry = json.loads((reference / "networks.json").read_text())["evopose2d_xs"]
    model = EvoPose2DConfig(
        architecture="evopose2d",
        genotype=entry["genotype"],
        input_shape=entry["input_shape"][:2],
        compound_scaling=True,
        head_blocks=3,
        head_channels=128,
        final_kernel=1,
    )
    network = build_network(model, 17, seed=0)

    assert network.count_params() == entry["parameters"] == recorded(describe(model, 17)).size.parameters
    assert list(network.output_shape[1:]) == entry["output_shape"]


@pytest.mark.slow
def test_other_process_and_backend_builds_and_computes_the_same(small_model, tmp_path):
    network = build_network(small_model, 5, seed=2)
    initial = np.concatenate([array.ravel() for array in network.get_weights()])
    network.set_weights([1.1 * array for array in network.get_weights()])
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype=np.uint8)
    heatmaps = np.random.default_rng(1).uniform(0, 255, (2, 16, 8, 5)).astype("float32")
    keypoints = np.random.default_rng(2).uniform(-5, 70, (2, 5, 3)).astype("float32")
    save_weights(network, tmp_path / "weights.h5")
    np.savez(tmp_path / "inputs.npz", crops=crops, heatmaps=heatmaps, keypoints=keypoints)
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    if other == "jax":
        pytest.importorskip("jax")

    script = _RUN_OTHER.format(backend=other, model=asdict(small_model), folder=tmp_path)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    result = np.load(tmp_path / "outputs.npz")
    np.testing.assert_array_equal(initial, result["initial"])
    np.testing.assert_allclose(network(crops), result["network"], atol=1e-4)
    np.testing.assert_allclose(decode(heatmaps), result["decoded"], atol=1e-4)
    np.testing.assert_allclose(flip_back(heatmaps, [1, 0, 2, 4, 3]), result["flipped"])
    for own, theirs in zip(encode(keypoints, (16, 8), 4.0, 2.0), (result["targets"], result["mask"]), strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-3)


_RUN_OTHER = """
import os
os.environ["KERAS_BACKEND"] = "{backend}"
import keras, numpy as np
from pathlib import Path
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.heatmaps import decode, encode, flip_back
from evopose2d.networks.build import build_network
from evopose2d.networks.seeding import reseed
from evopose2d.weights import load_weights
assert keras.backend.backend() == "{backend}"
compiled = (lambda function: function)
if "{backend}" == "jax":
    import jax
    compiled = jax.jit
folder = Path("{folder}")
inputs = np.load(folder / "inputs.npz")
network = build_network(EvoPose2DConfig(**{model}), 5, seed=2)
initial = np.concatenate([array.ravel() for array in network.get_weights()])
load_weights(network, folder / "weights.h5")
targets, mask = compiled(lambda keypoints: encode(keypoints, (16, 8), 4.0, 2.0))(inputs["keypoints"])
outputs = dict(
    network=compiled(lambda crops: network(crops, training=False))(inputs["crops"]),
    initial=initial,
    decoded=compiled(decode)(inputs["heatmaps"]),
    flipped=compiled(lambda heatmaps: flip_back(heatmaps, [1, 0, 2, 4, 3]))(inputs["heatmaps"]),
    targets=targets,
    mask=mask,
)
np.savez(folder / "outputs.npz", **{{name: np.asarray(value) for name, value in outputs.items()}})
drop = network.get_layer("block7a_drop")
for _ in range(2):
    reseed(network, 3)
    drawn = [np.asarray(drop(np.ones((64, 1, 1, 1), "float32"), training=True)) for _ in range(2)]
    assert not np.array_equal(*drawn)
    first = locals().get("first", drawn)
    assert np.array_equal(first, drawn)
"""

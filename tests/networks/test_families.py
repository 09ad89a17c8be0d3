"""SimpleBaseline and HRNet: their size, their layers, both backends."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest

from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.build import build_network
from evopose2d.networks.model_counting import count_model
from evopose2d.networks.registry import read_model
from evopose2d.networks.summary import summarise
from evopose2d.weights import save_weights

_REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "networks.json").read_text())


def _model(architecture: str, variant: str, input_shape: list[int], **changes) -> ModelConfig:
    values = {"architecture": architecture, "variant": variant, "input_shape": input_shape, "final_kernel": 1}
    head = {"head_blocks": 3, "head_channels": 256} if architecture == "simple_baseline" else {}
    return read_model(values | head | changes)


_SMALL = {
    "simple_baseline": _model("simple_baseline", "resnet50", [64, 32], head_channels=8),
    "hrnet": _model("hrnet", "w32", [64, 32]),
}


@pytest.fixture(scope="module")
def networks():
    """A network of each architecture at a small input."""
    return {name: build_network(model, 5, seed=1) for name, model in _SMALL.items()}


@pytest.fixture(params=_SMALL)
def built(request, networks):
    """A network with its configuration."""
    return networks[request.param], _SMALL[request.param]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("simple_baseline_resnet50", _model("simple_baseline", "resnet50", [256, 192])),
        ("hrnet_w32", _model("hrnet", "w32", [256, 192])),
    ],
)
def test_published_networks_have_their_size(name, model):
    entry, summary = _REFERENCE[name], summarise(model, 17)

    assert list(summary.input_shape) == entry["input_shape"]
    assert list(summary.output_shape) == entry["output_shape"]
    assert summary.size.parameters == entry["parameters"]
    assert summary.size.trainable_parameters == entry["trainable_parameters"]
    assert summary.size.multiply_adds == entry["multiply_adds"]


@pytest.mark.parametrize(
    ("architecture", "variant", "millions"),
    [
        # Sun et al., arXiv 1902.09212, table 1; Keras's residual networks have biases besides.
        ("simple_baseline", "resnet50", 34.0),
        ("simple_baseline", "resnet101", 53.0),
        ("simple_baseline", "resnet152", 68.6),
        ("hrnet", "w32", 28.5),
        ("hrnet", "w48", 63.6),
    ],
)
def test_sizes_are_near_those_that_their_authors_give(architecture, variant, millions):
    summary = summarise(_model(architecture, variant, [384, 288]), 17)

    assert summary.size.parameters / 1e6 == pytest.approx(millions, rel=0.005)
    assert summary.output_shape == (96, 72, 17)


def test_built_network_has_the_size_of_its_description(built):
    network, model = built
    summary = summarise(model, 5)

    assert count_model(network) == summary.size
    assert network.output_shape[1:] == summary.output_shape == (16, 8, 5)


def test_gives_float32_heatmaps_of_uint8_crops(built):
    network, _ = built
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype=np.uint8)
    heatmaps = network(crops)

    assert [tensor.name for tensor in network.inputs] == ["images"]
    assert keras.backend.standardize_dtype(heatmaps.dtype) == "float32"
    assert np.isfinite(heatmaps).all()
    assert np.ptp(heatmaps) > 0


@pytest.mark.slow
def test_backbone_computes_what_keras_computes(networks):
    network = networks["simple_baseline"]
    theirs = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 32, 3))
    rng = np.random.default_rng(0)
    for layer in theirs.layers:
        layer.set_weights([_random_weight(weight, rng) for weight in layer.weights])
        if layer.weights:
            network.get_layer(layer.name).set_weights(layer.get_weights())
    features = keras.Model(network.input, network.get_layer("conv5_block3_out").output)
    crops = rng.uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    expected = np.asarray(theirs(network.get_layer("normalization")(crops)))

    np.testing.assert_allclose(features(crops), expected, atol=1e-4 * np.abs(expected).max())


def _random_weight(weight, rng: np.random.Generator) -> np.ndarray:
    if weight.name in ("moving_variance", "gamma"):
        return rng.uniform(0.5, 1.5, weight.shape)
    scale = np.sqrt(1 / np.prod(weight.shape[:-1])) if weight.name == "kernel" else 0.1
    return rng.normal(0, scale, weight.shape)


def test_lower_branches_fill_the_pixels_between_with_zeros(networks):
    layer = networks["hrnet"].get_layer("s2_m0_fusion_b01_conv")
    values = np.random.default_rng(0).normal(size=(1, 3, 2, 64)).astype("float32")
    raised = np.asarray(layer(values))

    expected = np.zeros_like(raised)
    expected[:, ::2, ::2] = values @ np.asarray(layer.kernel)[0, 0].T
    np.testing.assert_allclose(raised, expected, atol=1e-5)


_RUN_OTHER = """
import keras, numpy as np
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import read_model
from evopose2d.networks.build import build_network
from evopose2d.weights import load_weights
assert keras.backend.backend() == "{backend}"
crops = np.load("{folder}/crops.npy")
for name, model in {models}.items():
    network = build_network(read_model(model), 5, seed=2)
    load_weights(network, f"{folder}/{{name}}.h5")
    np.save(f"{folder}/{{name}}.npy", np.asarray(network(crops, training=False)))
"""


@pytest.mark.slow
def test_other_backend_computes_the_same(networks, tmp_path):
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    pytest.importorskip(other)
    crops = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    np.save(tmp_path / "crops.npy", crops)
    for name, network in networks.items():
        save_weights(network, tmp_path / f"{name}.h5")

    models = {name: asdict(model) for name, model in _SMALL.items()}
    script = _RUN_OTHER.format(backend=other, models=models, folder=tmp_path)
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"KERAS_BACKEND": other})

    for name, network in networks.items():
        expected = np.asarray(network(crops))
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-4 * np.abs(expected).max())

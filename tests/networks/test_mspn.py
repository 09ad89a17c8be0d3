"""MSPN: its size, what of it is supervised, what it starts from."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from evopose2d.config.catalogue import published
from evopose2d.networks.build import build_supervised
from evopose2d.networks.families.mspn import MSPN, MSPNConfig
from evopose2d.networks.recording import record
from evopose2d.networks.summary import summarise
from evopose2d.networks.weight_file import WeightFile
from evopose2d.weights.imagenet import imagenet_weights

_SMALL = MSPNConfig("mspn", [64, 32], 3, "resnet18", 2, 8)


def _shapes(model: MSPNConfig):
    describe = lambda operations, images: MSPN().outputs(operations, images, model, 5)  # noqa: E731
    return record(describe, (model.input_shape[0], model.input_shape[1])).weight_shapes


@pytest.fixture(scope="module")
def built():
    return build_supervised(_SMALL, 5, seed=1)


@pytest.mark.parametrize(
    ("stages", "multiply_adds", "parameters"),
    [(1, 5.11, 25.11), (2, 11.35, 56.80), (3, 17.59, 88.49), (4, 23.82, 120.18)],
)
def test_sizes_are_within_two_percent_of_those_published(stages, multiply_adds, parameters):
    """Figures of OpenMMLab's MMPose for the authors' network (its table of inference speed), in 1e9 and 1e6."""
    summary = summarise(published()[f"mspn_{stages}stage"].model, 17)

    assert summary.output_shape == (64, 48, 17)
    assert summary.size.multiply_adds / 1e9 == pytest.approx(multiply_adds, rel=0.02)
    assert summary.size.trainable_parameters / 1e6 == pytest.approx(parameters, rel=0.02)


def test_every_stage_is_supervised_at_four_scales_from_coarse_to_fine(built):
    outputs = built.outputs

    assert [tuple(output.heatmaps.shape) for output in outputs] == [(None, 16, 8, 5)] * 8
    assert [output.weight for output in outputs] == [0.25, 0.25, 0.25, 1.0] * 2
    assert [output.hardest for output in outputs] == [0, 0, 0, 8] * 2
    widths = [output.sigma for output in outputs]
    assert widths[:4] == sorted(widths[:4], reverse=True) and widths[4:] == sorted(widths[4:], reverse=True)
    assert all(later < earlier for earlier, later in zip(widths[:4], widths[4:], strict=True))
    assert widths[-1] == 1.0


def test_the_prediction_needs_no_coarse_heatmaps(built):
    names = {layer.name for layer in built.network.layers}

    assert built.network.layers[-1].name == "final_conv"
    assert not any(name.startswith("s2_up2_res") for name in names)
    assert {"down_skip1_conv", "up_skip4_conv", "cross_conv", "s2_conv5_block2_2_conv"} <= names


def test_built_layers_are_the_described_ones(built):
    whole = keras.Model(built.network.inputs, [output.heatmaps for output in built.outputs])
    weights = {layer.name: {weight.name: tuple(weight.shape) for weight in layer.weights} for layer in whole.layers}

    assert {name: shapes for name, shapes in weights.items() if shapes} == _shapes(_SMALL)
    assert whole.count_params() == summarise(_SMALL, 5).size.parameters


def test_the_second_stage_sees_the_first(built):
    network = built.network
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    before = np.asarray(network(images))
    for name in ("down_skip3_bn", "up_skip2_bn", "cross_bn"):
        layer, (gamma, *others) = network.get_layer(name), network.get_layer(name).get_weights()
        layer.set_weights([3 * gamma, *others])
        after = np.asarray(network(images))
        assert np.abs(after - before).max() > 1e-6, name
        layer.set_weights([gamma, *others])


@pytest.mark.parametrize("changes", [{}, {"stages": 4, "variant": "resnet50"}, {"stages": 1, "head_channels": 24}])
def test_settings_are_inferred_from_a_file(tmp_path, changes):
    model = replace(_SMALL, **changes)
    file = WeightFile(tmp_path / "weights.h5", _shapes(model), (64, 32), lambda layer: None)

    assert MSPN().infer(file) == model


def test_every_stage_starts_from_imagenet():
    weights = imagenet_weights(replace(_SMALL, variant="resnet50", stages=3))
    shapes = _shapes(replace(_SMALL, variant="resnet50", stages=3))
    backbone = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 32, 3))

    assert weights.name == "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    for layer in backbone.layers:
        if layer.weights:
            own = {weight.name: tuple(weight.shape) for weight in layer.weights}
            prefixes = ("",) if layer.name.startswith("conv1") else ("", *weights.copies)
            assert all(shapes[f"{prefix}{layer.name}"] == own for prefix in prefixes), layer.name

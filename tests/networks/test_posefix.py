"""PoseFix: a network of two inputs, what it draws of a pose, its size, what it starts from."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from evopose2d.config.catalogue import published
from evopose2d.networks.build import build_network
from evopose2d.networks.families.posefix import PoseFix, PoseFixConfig
from evopose2d.networks.images import IMAGE_STD
from evopose2d.networks.model_counting import count_model
from evopose2d.networks.pose_heatmaps import PoseHeatmaps
from evopose2d.networks.summary import summarise
from evopose2d.stages.initial_weights import take
from evopose2d.stages.pose_model import PoseModel
from evopose2d.weights import layer_arrays, save_weights
from evopose2d.weights.architecture_inference import infer_architecture

_SMALL = PoseFixConfig("posefix", [64, 32], 1, "resnet18", 8, 3, 8, 2.0, 1.0)


@pytest.fixture(scope="module")
def network():
    return build_network(_SMALL, 5, seed=1)


def test_built_network_has_the_size_of_its_description(network):
    summary = summarise(_SMALL, 5)

    assert [(tensor.name, tensor.shape[1:]) for tensor in network.inputs] == [("images", (64, 32, 3)), ("pose", (5, 3))]
    assert network.output_shape[1:] == summary.output_shape == (16, 8, 5)
    assert count_model(network) == summary.size


def test_published_networks_are_simple_baseline_with_a_kernel_for_each_keypoint():
    """The authors' network is that of Xiao et al. but for the first convolution, which reads 17 channels more."""
    more = 7 * 7 * 17 * 64
    for name, plain in (("resnet50", "resnet50"), ("resnet152_384x288", "resnet152_384x288")):
        refining = summarise(published()[f"posefix_{name}"].model, 17)
        alike = summarise(published()[f"simple_baseline_{plain}"].model, 17)
        assert refining.size.parameters == alike.size.parameters + more
        height, width, _ = refining.input_shape
        assert refining.size.multiply_adds == alike.size.multiply_adds + more * (height // 2) * (width // 2)


def test_a_pose_is_drawn_at_its_place():
    pose = np.zeros((1, 3, 3), np.float32)
    pose[0, 0], pose[0, 1] = (10, 20, 1), (5.5, 3, 0)  # the second is not given
    pose[0, 2] = (-4, 3, 1)  # outside, near enough to be seen
    drawn = np.asarray(PoseHeatmaps((32, 24), 2.0, dtype="float32")(pose))[0]

    assert drawn.shape == (32, 24, 3)
    assert np.unravel_index(drawn[..., 0].argmax(), (32, 24)) == (20, 10)
    assert drawn[20, 10, 0] == pytest.approx(255 / np.mean(IMAGE_STD))
    assert drawn[20, 12, 0] == pytest.approx(drawn[20, 10, 0] * np.exp(-0.5))
    assert not drawn[..., 1].any()
    assert np.unravel_index(drawn[..., 2].argmax(), (32, 24)) == (3, 0)


def test_the_network_sees_the_pose(network):
    images = np.zeros((1, 64, 32, 3), np.uint8)
    pose = np.full((1, 5, 3), 16, np.float32)
    moved = pose.copy()
    moved[0, 3, 1] = 40

    assert np.abs(np.asarray(network([images, pose])) - np.asarray(network([images, moved]))).max() > 1e-3


def test_a_saved_network_is_itself_again(network, tmp_path):
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    given = [np.full((2, 64, 32, 3), 99, np.uint8), np.full((2, 5, 3), 9, np.float32)]

    np.testing.assert_allclose(np.asarray(again(given)), np.asarray(network(given)), atol=1e-5)


def test_settings_are_inferred_from_a_file(network, tmp_path):
    save_weights(network, tmp_path / "weights.h5")
    found = infer_architecture(tmp_path / "weights.h5", [64, 32])

    assert found.keypoints == 5
    assert found.model == replace(_SMALL, pose_sigma=pytest.approx(1.75))  # the authors' at this height


def test_the_colours_start_from_imagenet():
    model = replace(_SMALL, variant="resnet50", width=64)
    network = build_network(model, 5, seed=1)
    before = layer_arrays(network)["conv1_conv"]["kernel"].copy()
    theirs = np.random.default_rng(0).normal(size=(7, 7, 3, 64)).astype(np.float32)
    take(network, {"conv1_conv": {"kernel": theirs, "bias": np.zeros(64, np.float32)}})
    kernel = layer_arrays(network)["conv1_conv"]["kernel"]

    assert PoseFix().imagenet_weights(model) is not None
    assert PoseFix().imagenet_weights(replace(model, width=32)) is None
    np.testing.assert_array_equal(kernel[:, :, :3], theirs)
    np.testing.assert_array_equal(kernel[:, :, 3:], before[:, :, 3:])


def test_stride_and_errors_are_told(network):
    model = PoseModel(network, _SMALL, None, 2.0)

    assert (model.stride, model.pose_errors) == (4, 1.0)

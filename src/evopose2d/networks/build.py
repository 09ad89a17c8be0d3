"""Build the network that a configuration names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from evopose2d.networks.architecture import ModelConfig, Output, PoseInput
from evopose2d.networks.cpu_kernels import CpuLayerFactory, are_faster
from evopose2d.networks.images import IMAGE_MEAN, IMAGE_STD
from evopose2d.networks.keras_operations import KerasOperations
from evopose2d.networks.layers import LayerFactory
from evopose2d.networks.parts import STEM, Part, apply_part
from evopose2d.networks.pose_heatmaps import PoseHeatmaps
from evopose2d.networks.registry import architecture_of

Tensor = Any  # a symbolic tensor of any backend


@dataclass(frozen=True)
class SupervisedNetwork:
    """A network with all that training supervises.

    Attributes:
        network: from images (B, H, W, 3), or images and poses, to the predicted heatmaps (B, h, w, K); what training
            is for.
        outputs: symbolic heatmaps computed from the network's input, the prediction last.
    """

    network: keras.Model
    outputs: tuple[Output[Tensor], ...]


def build_network(
    model: ModelConfig, keypoints: int, *, seed: int | None = None, synchronized: bool = False
) -> keras.Model:
    """Build a network under the current Keras precision policy.

    Args:
        model: section ``model``.
        keypoints: K, channels of the heatmaps.
        seed: of the initial weights and of drop-connect; the same seed gives the same weights in any process.
            None: another at each call.
        synchronized: share batch statistics between the devices of a TensorFlow strategy.

    Returns:
        A Functional network from input ``images`` (B, H, W, 3), RGB 0..255 (float or uint8), to float32
        heatmaps (B, h, w, K) with peaks of about 255. One that refines poses has a second input ``pose``
        (B, K, 3) float32: x, y in crop pixels, and above 0 for a keypoint that is given.

    Raises:
        ConfigError: the settings fit no network.
    """
    return build_supervised(model, keypoints, seed=seed, synchronized=synchronized).network


def build_supervised(
    model: ModelConfig, keypoints: int, *, seed: int | None = None, synchronized: bool = False
) -> SupervisedNetwork:
    """Build a network with what only training needs, as ``build_network`` otherwise."""
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    family = architecture_of(model)
    return build(
        lambda operations, images: family.outputs(operations, images, model, keypoints),
        (model.input_shape[0], model.input_shape[1]),
        model.architecture,
        _layer_factory(seed, synchronized),
        pose=_pose_input(family.pose_input(model), keypoints),
    )


def build(
    describe: Callable[[KerasOperations, Tensor], Sequence[Output[Tensor]]],
    input_shape: tuple[int, int],
    name: str,
    layers: LayerFactory,
    pose: tuple[Tensor, float] | None = None,
) -> SupervisedNetwork:
    """Build what a function of operations and normalised images describes.

    Args:
        describe: gives the outputs.
        input_shape: (H, W) in pixels.
        name: of the model.
        layers: makes the layers.
        pose: the input (B, K, 3) of a pose, and the deviation in pixels of the Gaussians as which it is drawn.
    """
    images = keras.Input((*input_shape, 3), dtype="float32", name="images")
    inputs, features = images, _normalised(images)
    if pose is not None:
        drawn = PoseHeatmaps(input_shape, pose[1], dtype="float32", name="pose_heatmaps")(pose[0])
        inputs = [images, pose[0]]
        features = keras.layers.Concatenate(dtype="float32", name="images_and_pose")([features, drawn])
    outputs = tuple(describe(KerasOperations(layers), features))
    return SupervisedNetwork(keras.Model(inputs, outputs[-1].heatmaps, name=name), outputs)


def build_part(part: Part) -> keras.Model:
    """Build a part of an EvoPose2D network as a network of its own, with random weights.

    Returns:
        A Functional network from input ``images`` (B, height, width, inputs), of the stem RGB 0..255, to features.
    """
    images = keras.Input((part.height, part.width, part.inputs), dtype="float32", name="images")
    features = _normalised(images) if part.kind == STEM else images
    given = apply_part(KerasOperations(_layer_factory(0, False)), features, part)
    # Where nothing is applied, the input itself would be no output.
    return keras.Model(images, keras.layers.Identity(name="given")(given), name="part")


def _layer_factory(seed: int, synchronized: bool) -> LayerFactory:
    return (CpuLayerFactory if are_faster() else LayerFactory)(seed, synchronized)


def _pose_input(pose: PoseInput | None, keypoints: int) -> tuple[Tensor, float] | None:
    return None if pose is None else (keras.Input((keypoints, 3), dtype="float32", name="pose"), pose.sigma)


def _normalised(images: Tensor) -> Tensor:
    """Take off ImageNet's mean and divide by its standard deviation, of each colour."""
    scale = [1 / deviation for deviation in IMAGE_STD]
    offset = [-mean / deviation for mean, deviation in zip(IMAGE_MEAN, IMAGE_STD, strict=True)]
    # float32 in mixed precision too, so that rounding comes after the mean is taken off
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="normalization")(images)

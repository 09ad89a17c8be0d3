"""Build the network that a configuration names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from evopose2d.networks.architecture import ModelConfig, Output
from evopose2d.networks.cpu_kernels import CpuLayerFactory, are_faster
from evopose2d.networks.images import IMAGE_MEAN, IMAGE_STD
from evopose2d.networks.keras_operations import KerasOperations
from evopose2d.networks.layers import LayerFactory
from evopose2d.networks.registry import architecture_of

Tensor = Any  # a symbolic tensor of any backend


@dataclass(frozen=True)
class SupervisedNetwork:
    """A network with all that training supervises.

    Attributes:
        network: from images (B, H, W, 3) to the predicted heatmaps (B, h, w, K); what training is for.
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
        heatmaps (B, h, w, K) with peaks of about 255.

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
        (CpuLayerFactory if are_faster() else LayerFactory)(seed, synchronized),
    )


def build(
    describe: Callable[[KerasOperations, Tensor], Sequence[Output[Tensor]]],
    input_shape: tuple[int, int],
    name: str,
    layers: LayerFactory,
) -> SupervisedNetwork:
    """Build what a function of operations and normalised images describes.

    Args:
        describe: gives the outputs.
        input_shape: (H, W) in pixels.
        name: of the model.
        layers: makes the layers.
    """
    images = keras.Input((*input_shape, 3), dtype="float32", name="images")
    outputs = tuple(describe(KerasOperations(layers), _normalised(images)))
    return SupervisedNetwork(keras.Model(images, outputs[-1].heatmaps, name=name), outputs)


def _normalised(images: Tensor) -> Tensor:
    """Take off ImageNet's mean and divide by its standard deviation, of each colour."""
    scale = [1 / deviation for deviation in IMAGE_STD]
    offset = [-mean / deviation for mean, deviation in zip(IMAGE_MEAN, IMAGE_STD, strict=True)]
    # float32 in mixed precision too, so that rounding comes after the mean is taken off
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="normalization")(images)

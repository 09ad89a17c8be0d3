"""Build the network that a configuration names."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from evopose2d.config.schema import ModelConfig
from evopose2d.networks.architectures import apply_network
from evopose2d.networks.images import IMAGE_MEAN, IMAGE_STD
from evopose2d.networks.keras_operations import KerasOperations
from evopose2d.networks.layers import LayerFactory

Tensor = Any  # a symbolic tensor of any backend


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
        ConfigError: the input shape does not fit the genotype.
    """
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))

    def describe(operations: KerasOperations, images: Tensor) -> Tensor:
        return apply_network(operations, images, model, keypoints)

    height, width = model.input_shape
    return build(describe, (height, width), model.architecture, LayerFactory(seed, synchronized))


def build(
    describe: Callable[[KerasOperations, Tensor], Tensor],
    input_shape: tuple[int, int],
    name: str,
    layers: LayerFactory,
) -> keras.Model:
    """Build the network that a function of operations and normalised images describes.

    Args:
        describe: gives the heatmaps.
        input_shape: (H, W) in pixels.
        name: of the model.
        layers: makes the layers.
    """
    images = keras.Input((*input_shape, 3), dtype="float32", name="images")
    return keras.Model(images, describe(KerasOperations(layers), _normalised(images)), name=name)


def _normalised(images: Tensor) -> Tensor:
    """Take off ImageNet's mean and divide by its standard deviation, of each colour."""
    scale = [1 / deviation for deviation in IMAGE_STD]
    offset = [-mean / deviation for mean, deviation in zip(IMAGE_MEAN, IMAGE_STD, strict=True)]
    # float32 in mixed precision too, so that rounding comes after the mean is taken off
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="normalization")(images)

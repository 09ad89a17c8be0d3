"""Build the network that a configuration names."""

import keras
import numpy as np

from evopose2d.config.schema import ModelConfig
from evopose2d.networks.architectures import apply_network
from evopose2d.networks.blocks import LayerFactory
from evopose2d.networks.evopose2d import build_evopose2d, image_input, normalised
from evopose2d.networks.keras_operations import KerasOperations
from evopose2d.networks.scaling import describe


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
    layers = LayerFactory(seed, synchronized)
    if model.architecture == "evopose2d":
        return build_evopose2d(describe(model, keypoints), layers)
    images = image_input(*model.input_shape)
    heatmaps = apply_network(KerasOperations(layers), normalised(images), model, keypoints)
    return keras.Model(images, heatmaps, name=model.architecture)

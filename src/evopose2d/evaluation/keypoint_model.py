"""From crops to keypoints: what is left of a network when nothing is to be measured."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of any backend


class KeypointModel(keras.Model):
    """A network with the reading of its heatmaps, on the device.

    Args:
        network: from images (B, H, W, 3), RGB 0..255, to heatmaps (B, h, w, K) with peaks of about 255.
        reader: how heatmaps become keypoints: a function of them and of what returns those of the mirrored images.
        jit_compile: whether XLA compiles the forward pass on TensorFlow; JAX always compiles.
    """

    def __init__(
        self,
        network: keras.Model,
        reader: Callable[[Tensor, Callable[[], Tensor]], Tensor],
        *,
        jit_compile: bool = False,
    ) -> None:
        # What follows the network is worth float32 in any precision policy: coordinates go beyond 256.
        super().__init__(name="keypoint_model", dtype="float32")
        self.network = network
        self.reader = reader
        self.compile(jit_compile=jit_compile or keras.backend.backend() == "jax")

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Predict keypoints.

        Args:
            images: (B, H, W, 3) uint8 or float RGB crops.
            training: ignored; the network always predicts.

        Returns:
            (B, K, 3) float32: x, y in crop pixels and score, 0..1 (hardly above).
        """
        return self.reader(self.heatmaps(images), lambda: self.heatmaps(ops.flip(images, axis=2)))

    def heatmaps(self, images: Tensor) -> Tensor:
        """Predict heatmaps (B, h, w, K) float32."""
        return ops.cast(self.network(images, training=False), "float32")

"""From crops to keypoints and validation loss in one forward pass (two with the flip test)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from evopose2d.evaluation.decoding import Decoding, HeatmapReader
from evopose2d.heatmaps import encode, masked_squared_error, mirrored_pose

Tensor = Any  # a tensor of any backend


class PosePredictor(keras.Model):
    """A network with all that follows it on the device, for ``Model.predict`` on any Keras backend.

    Args:
        network: from images (B, H, W, 3), RGB 0..255, or images and poses (B, K, 3), to heatmaps (B, h, w, K) with
            peaks of about 255.
        flip_permutation: for each of K keypoints, the index of the one it becomes in a mirror.
        decoding: how heatmaps become keypoints, flip test included.
        sigma: standard deviation of the target Gaussian in pixels of a heatmap 64 high; for the loss.
        stride: crop pixels for one heatmap pixel.
        jit_compile: whether XLA compiles the forward pass on TensorFlow; JAX always compiles.
    """

    def __init__(
        self,
        network: keras.Model,
        flip_permutation: Sequence[int],
        decoding: Decoding,
        sigma: float,
        stride: int,
        *,
        jit_compile: bool = False,
    ) -> None:
        # What follows the network is worth float32 in any precision policy: coordinates go beyond 256.
        super().__init__(name="pose_predictor", dtype="float32")
        self.network = network
        self.reader = HeatmapReader(decoding, flip_permutation, sigma, stride)
        # There are no variables but the network's. A model that is not built takes a batch ahead of `predict` on JAX,
        # of data that cannot always be read twice.
        self.built = True
        self.compile(jit_compile=jit_compile or keras.backend.backend() == "jax")

    def call(self, inputs: dict[str, Tensor], training: bool | None = None) -> dict[str, Tensor]:
        """Predict poses.

        Args:
            inputs: ``images`` (B, H, W, 3) uint8 or float RGB, and ``keypoints`` (B, K, 3) float32, the
                annotated ones in crop pixels with visibility 0/1/2, from which the loss is computed; and ``pose``
                (B, K, 3) float32 for a network that refines one.
            training: ignored; the network always predicts.

        Returns:
            ``keypoints`` (B, K, 3) float32: x, y in crop pixels and score; ``loss`` (B,) float32: the masked
            mean squared error that training minimises, of the heatmaps before the flip test.
        """
        images, pose = inputs["images"], inputs.get("pose")
        heatmaps = self.heatmaps(images, pose)
        reader = self.reader
        targets, mask = encode(inputs["keypoints"], tuple(heatmaps.shape[1:3]), reader.stride, reader.sigma)
        loss = masked_squared_error(heatmaps, targets, mask)
        return {"keypoints": reader(heatmaps, lambda: self._mirrored(images, pose)), "loss": loss}

    def heatmaps(self, images: Tensor, pose: Tensor | None = None) -> Tensor:
        """Predict heatmaps (B, h, w, K) float32 of images (B, H, W, 3) uint8 or float RGB, with poses (B, K, 3)."""
        given = images if pose is None else [images, pose]
        return ops.cast(self.network(given, training=False), "float32")

    def _mirrored(self, images: Tensor, pose: Tensor | None) -> Tensor:
        if pose is not None:
            pose = mirrored_pose(pose, self.reader.flip_permutation, images.shape[2])
        return self.heatmaps(ops.flip(images, axis=2), pose)

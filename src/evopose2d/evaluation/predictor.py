"""From crops to keypoints and validation loss in one forward pass (two with the flip test)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from evopose2d.evaluation.decoding import Decoding, HeatmapReader
from evopose2d.heatmaps import encode, masked_squared_error, mirrored_pose
from evopose2d.networks.traced import TracedNetwork, TracedSegments, can_trace_apart, concrete

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
        traced: functions of networks before in this process, to start sooner where the network can be run by them and
            there is no flip test; the result is the same but for rounding.
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
        traced: TracedSegments | None = None,
    ) -> None:
        # What follows the network is worth float32 in any precision policy: coordinates go beyond 256.
        super().__init__(name="pose_predictor", dtype="float32")
        self.network = network
        self.reader = HeatmapReader(decoding, flip_permutation, sigma, stride)
        # There are no variables but the network's. A model that is not built takes a batch ahead of `predict` on JAX,
        # of data that cannot always be read twice.
        self.built = True
        apart = traced is not None and not (jit_compile or decoding.flip_test) and can_trace_apart()
        self._functions = traced if apart and len(network.inputs) == 1 else None
        self._traced = None if self._functions is None else TracedNetwork(network, self._functions)
        jit_compile = jit_compile or keras.backend.backend() == "jax"
        self.compile(run_eagerly=self._traced is not None, jit_compile=jit_compile)

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
        images, pose, annotated = inputs["images"], inputs.get("pose"), inputs["keypoints"]
        heatmaps = self.heatmaps(images, pose)
        if self._functions is None:
            return _read(self.reader, heatmaps, annotated, lambda: self._mirrored(images, pose))
        kind = f"{vars(self.reader)} {heatmaps.shape}"
        read = partial(_read, self.reader)  # without the network, which a kept function must not hold on to
        return self._functions.function(kind, lambda: concrete(read, heatmaps, annotated))(heatmaps, annotated)

    def heatmaps(self, images: Tensor, pose: Tensor | None = None) -> Tensor:
        """Predict heatmaps (B, h, w, K) float32 of images (B, H, W, 3) uint8 or float RGB, with poses (B, K, 3)."""
        given = images if pose is None else [images, pose]
        network = self.network if self._traced is None else self._traced
        return ops.cast(network(given, training=False), "float32")

    def _mirrored(self, images: Tensor, pose: Tensor | None) -> Tensor:
        if pose is not None:
            pose = mirrored_pose(pose, self.reader.flip_permutation, images.shape[2])
        return self.heatmaps(ops.flip(images, axis=2), pose)


def _read(
    reader: HeatmapReader, heatmaps: Tensor, annotated: Tensor, predict_mirrored: Callable[[], Tensor] = lambda: None
) -> dict[str, Tensor]:
    """Read keypoints and compute the loss; the flip test calls ``predict_mirrored``."""
    targets, mask = encode(annotated, tuple(heatmaps.shape[1:3]), reader.stride, reader.sigma)
    loss = masked_squared_error(heatmaps, targets, mask)
    return {"keypoints": reader(heatmaps, predict_mirrored), "loss": loss}

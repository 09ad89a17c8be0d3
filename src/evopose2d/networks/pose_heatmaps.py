"""A pose as a network sees it: a Gaussian about each keypoint, as large as the crop.

Source: Moon et al., "PoseFix" (arXiv 1812.03595), section 4.
"""

from typing import Any

import keras
from keras import ops

from evopose2d.networks.images import IMAGE_STD

_PEAK = 255 / (sum(IMAGE_STD) / len(IMAGE_STD))
"""As high beside normalised images as PoseFix's 255 beside images of 0..255."""

Tensor = Any  # a tensor of any backend


@keras.saving.register_keras_serializable(package="evopose2d")
class PoseHeatmaps(keras.layers.Layer):
    """Draws poses.

    Args:
        shape: height H and width W of the crop in pixels.
        sigma: standard deviation of the Gaussians in crop pixels.
    """

    def __init__(self, shape: tuple[int, int], sigma: float, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.shape = (int(shape[0]), int(shape[1]))
        self.sigma = float(sigma)

    def call(self, pose: Tensor) -> Tensor:
        """Return heatmaps (B, H, W, K) of poses (B, K, 3), empty where a keypoint's third value is not above 0."""
        pose = ops.cast(pose, self.compute_dtype)
        rows, columns = self._gaussian(pose[..., 1], self.shape[0]), self._gaussian(pose[..., 0], self.shape[1])
        given = _PEAK * ops.cast(pose[..., 2] > 0, self.compute_dtype)
        return (rows * given[:, None, :])[:, :, None, :] * columns[:, None, :, :]

    def get_config(self) -> dict[str, Any]:
        """Return what a copy is made from."""
        return {**super().get_config(), "shape": self.shape, "sigma": self.sigma}

    def compute_output_shape(self, pose_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (B, H, W, K)."""
        return (pose_shape[0], *self.shape, pose_shape[1])

    def _gaussian(self, centres: Tensor, length: int) -> Tensor:
        """Return (B, length, K) Gaussians about (B, K) coordinates."""
        pixels = ops.arange(length, dtype=self.compute_dtype)[None, :, None]
        return ops.exp(-ops.square((pixels - centres[:, None, :]) / self.sigma) / 2)

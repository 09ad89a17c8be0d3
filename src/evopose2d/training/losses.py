"""The loss between predicted heatmaps and labelled keypoints."""

from typing import Any

import keras

from evopose2d.heatmaps import encode, masked_squared_error


class HeatmapLoss(keras.losses.Loss):
    """Masked mean squared error on heatmaps (paper, section 3.4), target Gaussians made on the device.

    The mean is over all pixels and keypoints, masked ones included, as in the original. Sending keypoints
    instead of heatmaps to the device saves most of the traffic.

    Args:
        stride: input pixels per heatmap pixel.
        sigma: standard deviation of the target Gaussian in pixels of a heatmap 64 high.
    """

    def __init__(self, stride: int, sigma: float) -> None:
        super().__init__(name="heatmap_loss", reduction="sum_over_batch_size")
        self.stride = stride
        self.sigma = sigma

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401 - a tensor of the chosen backend
        """Return the loss of each person.

        Args:
            y_true: (B, K, 3) float32 keypoints in crop pixels; visibility 0 masks a keypoint.
            y_pred: (B, h, w, K) float32 heatmaps.

        Returns:
            (B,) float32.
        """
        targets, mask = encode(y_true, tuple(y_pred.shape[1:3]), self.stride, self.sigma)
        return masked_squared_error(y_pred, targets, mask)

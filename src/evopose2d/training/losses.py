"""The loss between predicted heatmaps and labelled keypoints."""

from collections.abc import Sequence
from typing import Any

import keras

from evopose2d.heatmaps import encode, masked_squared_error
from evopose2d.networks.architecture import Output


class HeatmapLoss(keras.losses.Loss):
    """Masked mean squared error on heatmaps (paper, section 3.4), target Gaussians made on the device.

    The mean is over all pixels and keypoints, masked ones included, as in the original. Sending keypoints
    instead of heatmaps to the device saves most of the traffic.

    Args:
        stride: input pixels per heatmap pixel.
        sigma: standard deviation of the target Gaussian in pixels of a heatmap 64 high.
        hardest: count only this many keypoints of each person, those of largest error; 0: all.
    """

    def __init__(self, stride: int, sigma: float, hardest: int = 0) -> None:
        super().__init__(name="heatmap_loss", reduction="sum_over_batch_size")
        self.stride = stride
        self.sigma = sigma
        self.hardest = hardest

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401 - a tensor of the chosen backend
        """Return the loss of each person.

        Args:
            y_true: (B, K, 3) float32 keypoints in crop pixels; visibility 0 masks a keypoint.
            y_pred: (B, h, w, K) float32 heatmaps.

        Returns:
            (B,) float32.
        """
        targets, mask = encode(y_true, tuple(y_pred.shape[1:3]), self.stride, self.sigma)
        if not self.hardest:
            return masked_squared_error(y_pred, targets, mask)
        ops = keras.ops
        errors = ops.mean(ops.square(ops.cast(y_pred, "float32") - targets), axis=(1, 2)) * mask
        hardest, _ = ops.top_k(errors, min(self.hardest, errors.shape[-1]))
        return ops.mean(hardest, axis=-1)


def supervised_loss(outputs: Sequence[Output[Any]], strides: Sequence[int], sigma: float) -> Any:  # noqa: ANN401
    """Return the function that gives the loss of all outputs of a network.

    Args:
        outputs: how each is supervised.
        strides: input pixels per heatmap pixel of each.
        sigma: standard deviation of the targets' Gaussian in pixels of a heatmap 64 high, times each output's own.

    Returns:
        A function of (B, K, 3) keypoints and the outputs' heatmaps (B, h, w, K): the weighted sum of their losses.
    """
    losses = [
        HeatmapLoss(stride, sigma * output.sigma, output.hardest)
        for output, stride in zip(outputs, strides, strict=True)
    ]

    def total(keypoints: Any, heatmaps: Sequence[Any]) -> Any:  # noqa: ANN401 - tensors of the chosen backend
        weighted = [
            output.weight * loss(keypoints, predicted)
            for output, loss, predicted in zip(outputs, losses, heatmaps, strict=True)
        ]
        return sum(weighted[1:], weighted[0])

    return total

"""Keypoints to target heatmaps and heatmaps back to keypoints, on the device.

Everything here is ``keras.ops``, so it runs inside ``tf.function`` and ``jax.jit``.
Source: McNally et al., arXiv 2011.08446, section 3; the codec is that of Xiao et al. (arXiv 1804.06208) and
Sun et al. (arXiv 1902.09212).
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

PEAK = 255.0
_SIGMA_HEIGHT = 64  # heatmap height, in pixels, at which sigma is given

Tensor = Any  # a tensor of any backend


def encode(keypoints: Tensor, heatmap_shape: tuple[int, int], stride: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Draw target heatmaps: a Gaussian about each keypoint's heatmap pixel.

    Args:
        keypoints: (B, K, 3) x, y in crop pixels and visibility 0, 1 or 2.
        heatmap_shape: (h, w).
        stride: crop pixels for one heatmap pixel.
        sigma: standard deviation of the Gaussian in pixels of a heatmap 64 high; it scales with h.

    Returns:
        targets: (B, h, w, K) float32, 255 at a keypoint's pixel (masked keypoints are drawn as well).
        mask: (B, K) float32, 1 where the keypoint is labelled and inside the crop, else 0.
    """
    keypoints = ops.cast(keypoints, "float32")
    height, width = heatmap_shape
    deviation = sigma * height / _SIGMA_HEIGHT
    x, y, visibility = keypoints[..., 0], keypoints[..., 1], keypoints[..., 2]
    rows = _gaussian(y, height, stride, deviation)
    columns = _gaussian(x, width, stride, deviation)
    targets = PEAK * rows[:, :, None, :] * columns[:, None, :, :]
    inside = (x >= 0) & (x < width * stride) & (y >= 0) & (y < height * stride)
    return targets, ops.cast(inside & (visibility > 0), "float32")


def decode(heatmaps: Tensor) -> Tensor:
    """Find each heatmap's peak, moved a quarter pixel toward the higher neighbour in x and in y.

    A peak within two pixels of the left or upper border, or at the right or lower one, stays where it is.

    Args:
        heatmaps: (B, h, w, K) with peaks of about 255, h and w at least 3.

    Returns:
        (B, K, 3) float32: x, y in heatmap pixels and score, the peak's height / 255 (not clipped).
    """
    height, width, keypoints = heatmaps.shape[1:]
    flat = ops.reshape(ops.cast(heatmaps, "float32"), (-1, height * width, keypoints))
    index = ops.argmax(flat, axis=1)
    x, y = index % width, index // width
    movable = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    # Where nothing moves, the neighbours are those of a pixel that has some, and are not used.
    safe = ops.where(movable, index, width + 1)
    quarter = ops.cast(movable, "float32") / 4
    move_x = quarter * ops.sign(_values(flat, safe + 1) - _values(flat, safe - 1))
    move_y = quarter * ops.sign(_values(flat, safe + width) - _values(flat, safe - width))
    x, y = ops.cast(x, "float32") + move_x, ops.cast(y, "float32") + move_y
    return ops.stack([x, y, ops.max(flat, axis=1) / PEAK], axis=-1)


def flip_back(heatmaps: Tensor, permutation: Sequence[int]) -> Tensor:
    """Turn the heatmaps of mirrored crops into those of the crops themselves.

    The mirror of a strided grid lies about a pixel off, so the maps are shifted one pixel to the right.

    Args:
        heatmaps: (B, h, w, K) of crops mirrored left to right.
        permutation: for each keypoint, the index of the one it becomes in a mirror.

    Returns:
        (B, h, w, K) of the same dtype.
    """
    mirrored = ops.take(ops.flip(heatmaps, axis=2), ops.convert_to_tensor(list(permutation)), axis=-1)
    return ops.concatenate([mirrored[:, :, :1], mirrored[:, :, :-1]], axis=2)


def masked_squared_error(heatmaps: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Give the mean over pixels and keypoints, masked ones included, of (heatmap - target)^2 x mask.

    Args:
        heatmaps: (B, h, w, K) predictions.
        targets: (B, h, w, K) from ``encode``.
        mask: (B, K) from ``encode``.

    Returns:
        (B,) float32, one value a person.
    """
    squared = ops.square(ops.cast(heatmaps, "float32") - targets)
    return ops.mean(ops.mean(squared, axis=(1, 2)) * mask, axis=-1)


def _gaussian(centres: Tensor, length: int, stride: float, deviation: float) -> Tensor:
    """Give (B, length, K) Gaussians about (B, K) coordinates, rounded to the nearest pixel."""
    pixels = ops.arange(length, dtype="float32")[None, :, None]
    nearest = ops.floor(centres / stride + 0.5)[:, None, :]
    return ops.exp(-(((pixels - nearest) / deviation) ** 2) / 2)


def _values(flat: Tensor, index: Tensor) -> Tensor:
    """Give the (B, K) values of (B, pixels, K) maps at (B, K) pixel indices."""
    return ops.take_along_axis(flat, index[:, None, :], axis=1)[:, 0, :]

"""Keypoints to target heatmaps and heatmaps back to keypoints, on the device.

Everything here is ``keras.ops``, so it runs inside ``tf.function`` and ``jax.jit``.
Source: McNally et al., arXiv 2011.08446, section 3; the codec is that of Xiao et al. (arXiv 1804.06208) and
Sun et al. (arXiv 1902.09212).

What a heatmap pixel means is settled by the targets that a network was trained on. Those of ``encode``, the
original's, say that heatmap pixel ``j`` is crop pixel ``stride * j``, rounded to the nearest ``j``. Rounding is
not a bias: a keypoint is as often left of its target's pixel as right of it, so the mean of the targets that fit
what a network sees, which is what it learns to give, has its peak at ``x / stride``. Ways of reading a heatmap
that find peaks between pixels (``decode_dark``) are therefore right for networks trained on rounded targets too.

How the maps of a mirrored crop come back is another matter. In a crop of W pixels, x lies at W - 1 - x of the
mirror, that is at ``w - 1 / stride - x / stride`` of its heatmap, and mirrored back at
``x / stride - (stride - 1) / stride``. ``COORDINATES`` names what can be done about it:

- ``original`` shifts by one whole pixel; the mean of both maps stays ``1 / (2 stride)`` heatmap pixels, half a
  crop pixel, too far right;
- ``exact`` shifts by ``(stride - 1) / stride``, which leaves nothing. Right for every network trained on
  ``encode``; without the flip test the same as ``original``;
- ``udp`` is the transform of Huang et al. (UDP, arXiv 1911.07524): lengths are measured between the centres of the
  first and the last pixel, so heatmap pixel ``j`` is crop pixel ``j (W - 1) / (w - 1)`` and the mirror needs no
  shift. Right for networks trained on such targets alone: others' keypoints it would push away from the crop's
  left upper corner, by up to ``stride - 1`` crop pixels at the far end.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

PEAK = 255.0
METHODS = ("quarter-pixel", "dark")
"""How a peak is found: the original's rule, or Zhang et al.'s (``decode_dark``)."""

COORDINATES = ("original", "exact", "udp")
"""What heatmap pixels mean; see the module's description."""

_SIGMA_HEIGHT = 64  # heatmap height, in pixels, at which sigma is given
_FLOOR = 1e-6  # of log-heatmaps; far below any peak, far above what float32 loses beside 255

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
    heatmaps = ops.cast(heatmaps, "float32")
    flat = ops.reshape(heatmaps, (-1, height * width, keypoints))
    index, peak = _highest_pixel(heatmaps)
    x, y = index % width, index // width
    movable = _all(x > 1, x < width - 1, y > 1, y < height - 1)
    # Where nothing moves, the neighbours are those of a pixel that has some, and are not used.
    safe = ops.where(movable, index, width + 1)
    quarter = ops.cast(movable, "float32") / 4
    move_x = quarter * ops.sign(_values(flat, safe + 1) - _values(flat, safe - 1))
    move_y = quarter * ops.sign(_values(flat, safe + width) - _values(flat, safe - width))
    x, y = ops.cast(x, "float32") + move_x, ops.cast(y, "float32") + move_y
    return ops.stack([x, y, peak / PEAK], axis=-1)


def decode_dark(heatmaps: Tensor, sigma: float) -> Tensor:
    """Find each heatmap's peak between pixels by the shape of the Gaussian around it (DARK).

    Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation" (arXiv 1910.06278): the
    heatmap is smoothed with the Gaussian of its targets, so that it has one peak; then the second-order Taylor
    expansion of its logarithm about the highest pixel of the unsmoothed map is solved for the peak, which is exact
    for a Gaussian. A peak stays where it is within two pixels of a border, and where the map around it is no peak;
    it moves one pixel at most in x and in y.

    Args:
        heatmaps: (B, h, w, K) with peaks of about 255, h and w at least 5.
        sigma: standard deviation of the targets' Gaussian in pixels of a heatmap 64 high; it scales with h.

    Returns:
        (B, K, 3) float32: x, y in heatmap pixels and score, the unsmoothed peak's height / 255 (not clipped).
    """
    heatmaps = ops.cast(heatmaps, "float32")
    height, width, keypoints = heatmaps.shape[1:]
    index, peak = _highest_pixel(heatmaps)
    x, y = index % width, index // width
    movable = _all(x > 1, x < width - 2, y > 1, y < height - 2)
    safe = ops.where(movable, index, 2 * width + 2)
    smoothed = ops.reshape(_smoothed(heatmaps, sigma * height / _SIGMA_HEIGHT), (-1, height * width, keypoints))
    logarithm = ops.log(ops.maximum(smoothed, _FLOOR))
    move_x, move_y = _newton_step(logarithm, safe, width)
    inside = ops.cast(movable, "float32")
    x, y = ops.cast(x, "float32") + inside * move_x, ops.cast(y, "float32") + inside * move_y
    return ops.stack([x, y, peak / PEAK], axis=-1)


def flip_back(heatmaps: Tensor, permutation: Sequence[int], shift: float = 1.0) -> Tensor:
    """Turn the heatmaps of mirrored crops into those of the crops themselves.

    Args:
        heatmaps: (B, h, w, K) of crops mirrored left to right.
        permutation: for each keypoint, the index of the one it becomes in a mirror.
        shift: heatmap pixels, 0..1, by which the mirrored maps move to the right; see ``flip_shift``. Between
            pixels they are interpolated cubically (Keys 1981), which does not lower a peak as a linear one would.

    Returns:
        (B, h, w, K) of the same dtype.
    """
    mirrored = ops.take(ops.flip(heatmaps, axis=2), ops.convert_to_tensor(list(permutation)), axis=-1)
    if shift == 0:
        return mirrored
    if shift == 1:
        return ops.concatenate([mirrored[:, :, :1], mirrored[:, :, :-1]], axis=2)
    width = mirrored.shape[2]
    left, right = mirrored[:, :, :1], mirrored[:, :, -1:]
    padded = ops.concatenate([left, left, mirrored, right], axis=2)
    return sum(weight * padded[:, :, tap : tap + width] for tap, weight in enumerate(_cubic_weights(1 - shift)))


def mirrored_pose(pose: Tensor, permutation: Sequence[int], width: int) -> Tensor:
    """Mirror poses (B, K, 3) as ``keras.ops.flip`` mirrors their crops of ``width`` pixels; left becomes right."""
    exchanged = ops.take(pose, ops.convert_to_tensor(list(permutation)), axis=1)
    return ops.concatenate([width - 1 - exchanged[..., :1], exchanged[..., 1:]], axis=-1)


def flip_shift(coordinates: str, stride: float) -> float:
    """Return the heatmap pixels by which mirrored maps are shifted to the right; see the module's description.

    Args:
        coordinates: one of ``COORDINATES``.
        stride: crop pixels for one heatmap pixel.
    """
    return {"original": 1.0, "exact": (stride - 1) / stride, "udp": 0.0}[coordinates]


def to_crop_pixels(keypoints: Tensor, heatmap_shape: tuple[int, int], stride: float, coordinates: str) -> Tensor:
    """Take decoded keypoints (B, K, 3) x, y, score from heatmap pixels to crop pixels.

    Args:
        keypoints: as ``decode`` gives them.
        heatmap_shape: (h, w).
        stride: crop pixels for one heatmap pixel.
        coordinates: one of ``COORDINATES``.
    """
    height, width = heatmap_shape
    if coordinates == "udp":
        scale_x, scale_y = (width * stride - 1) / (width - 1), (height * stride - 1) / (height - 1)
    else:
        scale_x = scale_y = float(stride)
    return ops.stack([keypoints[..., 0] * scale_x, keypoints[..., 1] * scale_y, keypoints[..., 2]], axis=-1)


def masked_squared_error(heatmaps: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over pixels and keypoints, masked ones included, of (heatmap - target)^2 x mask.

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
    """Return (B, length, K) Gaussians about (B, K) coordinates, rounded to the nearest pixel."""
    pixels = ops.arange(length, dtype="float32")[None, :, None]
    nearest = ops.floor(centres / stride + 0.5)[:, None, :]
    return ops.exp(-(((pixels - nearest) / deviation) ** 2) / 2)


def _values(flat: Tensor, index: Tensor) -> Tensor:
    """Return the (B, K) values of (B, pixels, K) maps at (B, K) pixel indices."""
    return _at(flat, index[:, None, :])[:, 0, :]


def _at(flat: Tensor, index: Tensor) -> Tensor:
    """Return the (B, P, K) values of (B, pixels, K) maps at (B, P, K) pixel indices, by one gathering of numbers."""
    pixels, keypoints = flat.shape[1:]
    people = ops.arange(ops.shape(flat)[0], dtype="int32")[:, None, None]
    position = (people * pixels + ops.cast(index, "int32")) * keypoints + ops.arange(keypoints, dtype="int32")
    return ops.take(ops.reshape(flat, (-1,)), position)


def _highest_pixel(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return index ``y * w + x`` and height (B, K) of the first highest pixel of maps (B, h, w, K).

    Only the search for each row's maximum reads all pixels: then the first row that holds the peak is looked for,
    and the peak in that row.
    """
    height, width, keypoints = heatmaps.shape[1:]
    y, peak = _highest(_row_maxima(heatmaps))
    pixels = y[:, None, :] * width + ops.arange(width, dtype=y.dtype)[None, :, None]
    row = _at(ops.reshape(heatmaps, (-1, height * width, keypoints)), pixels)
    return y * width + _highest(row)[0], peak


def _row_maxima(heatmaps: Tensor) -> Tensor:
    """Return (B, h, K) maxima over the rows of maps (B, h, w, K)."""
    if keras.backend.backend() != "tensorflow":
        return ops.max(heatmaps, axis=2)
    # Pooling goes through memory in order; TensorFlow's maximum over an inner axis takes twice as long on a CPU.
    width = heatmaps.shape[2]
    return ops.max_pool(heatmaps, (1, width), strides=(1, width), data_format="channels_last")[:, :, 0]


def _highest(flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return index and height (B, K) of the first highest pixel of maps (B, pixels, K)."""
    peak = ops.max(flat, axis=1)
    # Keras's argmax of floats looks at their bits, which TensorFlow Lite cannot.
    return ops.argmax(ops.cast(ops.equal(flat, peak[:, None]), "int32"), axis=1), peak


def _all(*conditions: Tensor) -> Tensor:
    """Return the conjunction; ``&`` would become a bitwise operation, which TensorFlow Lite does not have."""
    return functools.reduce(ops.logical_and, conditions)


def _smoothed(heatmaps: Tensor, deviation: float) -> Tensor:
    """Blur maps (B, h, w, K) with a Gaussian, first down the columns, then along the rows."""
    radius = math.ceil(4 * deviation)
    weights = np.exp(-((np.arange(-radius, radius + 1) / deviation) ** 2) / 2)
    # A constant of NumPy, because exported graphs want kernels that are not computed in them.
    kernel = np.tile((weights / weights.sum()).astype(np.float32)[:, None, None, None], (1, 1, heatmaps.shape[-1], 1))
    columns = ops.depthwise_conv(heatmaps, ops.convert_to_tensor(kernel), padding="same")
    return ops.depthwise_conv(columns, ops.convert_to_tensor(kernel.swapaxes(0, 1)), padding="same")


def _newton_step(logarithm: Tensor, index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the steps (B, K) in x and y from pixels to the peak of maps (B, pixels, K), 0 where there is none."""

    def value(x: int, y: int) -> Tensor:
        return _values(logarithm, index + (y * width + x))

    # The second differences span two pixels each way, as in the paper's own: noise counts less.
    slope_x, slope_y = (value(1, 0) - value(-1, 0)) / 2, (value(0, 1) - value(0, -1)) / 2
    bend_x = (value(2, 0) - 2 * value(0, 0) + value(-2, 0)) / 4
    bend_y = (value(0, 2) - 2 * value(0, 0) + value(0, -2)) / 4
    bend_xy = (value(1, 1) - value(-1, 1) - value(1, -1) + value(-1, -1)) / 4
    determinant = bend_x * bend_y - bend_xy * bend_xy
    is_peak = _all(bend_x < 0, determinant > _FLOOR)
    divisor = ops.where(is_peak, determinant, 1.0)
    step_x = ops.clip((bend_xy * slope_y - bend_y * slope_x) / divisor, -1.0, 1.0)
    step_y = ops.clip((bend_xy * slope_x - bend_x * slope_y) / divisor, -1.0, 1.0)
    return ops.where(is_peak, step_x, 0.0), ops.where(is_peak, step_y, 0.0)


def _cubic_weights(fraction: float) -> tuple[float, float, float, float]:
    """Return the weights of four pixels in a row for a point this far from the second to the third."""
    square, cube = fraction**2, fraction**3
    return (
        -cube / 2 + square - fraction / 2,
        1.5 * cube - 2.5 * square + 1,
        -1.5 * cube + 2 * square + fraction / 2,
        cube / 2 - square / 2,
    )

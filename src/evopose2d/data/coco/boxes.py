"""Boxes of people: moved into their image, or drawn around keypoints."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.125
"""Part of its longer side that a box around keypoints gets on each side: they lie inside the body's outline."""

_LONE = 0.25
"""Side of the box around keypoints that lie in one place, over the image's shorter side: nothing tells their scale."""


def sanitised_box(box: Sequence[float], width: float, height: float) -> NDArray[np.float32] | None:
    """Move a box into its image and let it end at its last pixel, as HRNet and EvoPose2D do with annotations.

    Args:
        box: finite x, y, width, height in image pixels.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        (4,) float32 x, y, width, height, of which one may be 0; None where the box lies outside the image.
    """
    low = np.maximum(box[:2], 0.0)
    high = np.minimum(low + np.maximum(np.subtract(box[2:], 1.0), 0.0), (width - 1, height - 1))
    if not (high >= low).all():
        return None
    extent = high - low
    # A crop needs an extent: a box of no more than a pixel keeps that pixel.
    return np.concatenate([low, extent if extent.any() else np.ones(2)]).astype(np.float32)


def is_outside(box: Sequence[float], width: float, height: float) -> bool:
    """Return whether no pixel of an image is in a box x, y, width, height, counted as ``sanitised_box`` does."""
    beyond = max(box[0], 0.0) > width - 1 or max(box[1], 0.0) > height - 1
    return beyond or box[0] + box[2] <= 0 or box[1] + box[3] <= 0


def box_around(points: NDArray[np.float64], width: float, height: float) -> tuple[float, float, float, float] | None:
    """Return the box around keypoints with a margin, cut at the image's border.

    Args:
        points: (P, 2) labelled keypoints in image pixels.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        x, y, width, height; None where there are no keypoints, or all lie outside the image.
    """
    inside = points[((points >= 0) & (points <= (width, height))).all(axis=1)]
    if not len(inside):
        return None
    low, high = inside.min(axis=0), inside.max(axis=0)
    longer = float((high - low).max())
    margin = _MARGIN * longer if longer >= 1 else _LONE * min(width, height) / 2
    low, high = np.maximum(low - margin, 0.0), np.minimum(high + margin, (width, height))
    x, y, right, bottom = (float(value) for value in (*low, *high))
    return x, y, right - x, bottom - y


def area_inside(box: Sequence[float], width: float, height: float) -> float:
    """Return the area in square pixels of the part of a box that is in the image."""
    x, y = max(box[0], 0.0), max(box[1], 0.0)
    return max(min(box[0] + box[2], width) - x, 0.0) * max(min(box[1] + box[3], height) - y, 0.0)

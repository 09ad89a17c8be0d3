"""Poses drawn on images: smooth limbs coloured by side, as thick as the person is large."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.keypoints import KeypointSchema

Colour = tuple[int, int, int]
Image = NDArray[np.uint8]

# OpenCV takes coordinates in 1/2^SHIFT pixels, so that lines lie where they belong.
_SHIFT = 4
_LIMB = 0.014
_JOINT = 0.026


@dataclass(frozen=True)
class PoseStyle:
    """How a pose looks; colours are RGB.

    Attributes:
        left: the person's left side.
        right: the person's right side.
        centre: limbs and keypoints of both sides or none.
        outline: drawn around limbs and joints, so that they stand out on any background.
        width: thickness, relative to the style of predictions.
    """

    left: Colour
    right: Colour
    centre: Colour
    outline: Colour
    width: float


# Okabe and Ito's sky blue, orange and yellow: told apart by colour-blind people, bright on most photographs.
PREDICTED = PoseStyle(left=(46, 168, 255), right=(255, 140, 0), centre=(240, 228, 66), outline=(20, 20, 20), width=1.0)
TRUE = PoseStyle(left=(255, 255, 255), right=(255, 255, 255), centre=(255, 255, 255), outline=(20, 20, 20), width=1.5)


def keypoint_sides(schema: KeypointSchema) -> tuple[str, ...]:
    """Return ``left``, ``right`` or ``centre`` for each keypoint.

    Of a mirror pair, the one with ``left`` in its name is left; without such names, the one listed first.
    """
    sides = []
    for index, mirrored in enumerate(schema.flip_permutation):
        if mirrored == index:
            sides.append("centre")
            continue
        name, other = schema.names[index].lower(), schema.names[mirrored].lower()
        named = "left" in name or "right" in other or "right" in name or "left" in other
        is_left = ("left" in name or "right" in other) if named else index < mirrored
        sides.append("left" if is_left else "right")
    return tuple(sides)


def draw_prediction(
    image: Image,
    keypoints: NDArray[np.floating],
    schema: KeypointSchema,
    *,
    size: float | None = None,
    threshold: float = 0.2,
    style: PoseStyle = PREDICTED,
) -> Image:
    """Return a copy of an image with a predicted pose on it; the surer a keypoint, the more opaque.

    Args:
        image: (H, W, 3) uint8 RGB.
        keypoints: (K, 3) x, y in pixels and score 0..1.
        schema: the keypoints' meaning.
        size: height of the person in pixels, which sets the thickness; ``None``: the extent of the keypoints.
        threshold: keypoints with a score below it are left out, with their limbs.
        style: colours and thickness.
    """
    scores = keypoints[:, 2]
    opacities = np.where(scores >= threshold, np.clip(0.35 + 0.65 * scores, 0.0, 1.0), 0.0)
    return _draw(image, keypoints[:, :2], opacities, schema, style, size)


def draw_truth(
    image: Image,
    keypoints: NDArray[np.floating],
    schema: KeypointSchema,
    *,
    size: float | None = None,
    style: PoseStyle = TRUE,
) -> Image:
    """Return a copy of an image with an annotated pose on it; hidden keypoints are paler.

    Args:
        image: (H, W, 3) uint8 RGB.
        keypoints: (K, 3) x, y in pixels and visibility: 0 unlabelled, 1 hidden, 2 visible.
        schema: the keypoints' meaning.
        size: height of the person in pixels, which sets the thickness; ``None``: the extent of the keypoints.
        style: colours and thickness.
    """
    opacities = np.select([keypoints[:, 2] > 1, keypoints[:, 2] > 0], [0.9, 0.5], 0.0)
    return _draw(image, keypoints[:, :2], opacities, schema, style, size)


def _draw(
    image: Image,
    positions: NDArray[np.floating],
    opacities: NDArray[np.floating],
    schema: KeypointSchema,
    style: PoseStyle,
    size: float | None,
) -> Image:
    canvas = image.copy()
    shown = np.isfinite(positions).all(axis=1) & (opacities > 0)
    if not shown.any():
        return canvas
    size = float(np.ptp(positions[shown], axis=0).max()) if size is None else size
    half_limb, radius = (max(part * size * style.width, 0.6) for part in (_LIMB / 2, _JOINT / 2))
    rim = max(0.35 * half_limb, 0.5)
    sides = keypoint_sides(schema)
    limbs = [limb for limb in schema.skeleton if shown[limb[0]] and shown[limb[1]]]
    # All rims first: no limb's rim then cuts another limb.
    for grow, in_colour in ((rim, False), (0.0, True)):
        for first, second in limbs:
            side = sides[first] if sides[first] == sides[second] else "centre"
            colour = getattr(style, side) if in_colour else style.outline
            outline = _limb_outline(positions[first], positions[second], half_limb + grow)
            _blend(canvas, outline, colour, min(opacities[first], opacities[second]))
        for index in np.flatnonzero(shown):
            colour = getattr(style, sides[index]) if in_colour else style.outline
            _blend(canvas, _circle_outline(positions[index], radius + grow), colour, opacities[index])
    return canvas


def _limb_outline(start: NDArray[np.floating], end: NDArray[np.floating], half_width: float) -> NDArray[np.float64]:
    """Return the corners (4, 2) of a bar between two points."""
    along = np.asarray(end, np.float64) - start
    length = float(np.hypot(*along))
    across = np.array([-along[1], along[0]]) / length * half_width if length > 0 else np.full(2, half_width)
    return np.array([start + across, end + across, end - across, start - across])


def _circle_outline(centre: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    angles = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    return centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _blend(canvas: Image, outline: NDArray[np.floating], colour: Colour, opacity: float) -> None:
    """Paint a convex outline over a canvas in place, touching only the pixels around it."""
    height, width = canvas.shape[:2]
    left, top = np.clip(np.floor(outline.min(axis=0)).astype(int) - 1, 0, (width, height))
    right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 2, 0, (width, height))
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    corners = np.round((outline - (left, top)) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_AA, _SHIFT)
    weight = mask[..., None].astype(np.float32) * (opacity / 255.0)
    region = canvas[top:bottom, left:right]
    region[:] = np.round(region * (1.0 - weight) + np.asarray(colour, np.float32) * weight).astype(np.uint8)

"""A canvas of shaded, anti-aliased shapes that remembers which body part each pixel shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.float32]
Points = NDArray[np.floating]
Color = tuple[float, float, float]

_SUBPIXEL_BITS = 4
_AMBIENT = 0.42
_DIFFUSE = 0.72


class Label(IntEnum):
    """What a pixel of a drawn person shows. Of ears, arms and legs: the left one; the right one is 1 more."""

    NOTHING = 0
    OBJECT = 1
    HEAD = 2
    HAIR = 3
    NOSE = 4
    NECK = 5
    TORSO = 6
    PELVIS = 7
    SKIRT = 8
    LUGGAGE = 9
    EAR = 10
    UPPER_ARM = 12
    FOREARM = 14
    HAND = 16
    THIGH = 18
    SHIN = 20
    FOOT = 22


@dataclass(frozen=True)
class Ground:
    """The stage of a scene.

    Attributes:
        height, width: of the picture in pixels.
        horizon: y at which the ground ends.
    """

    height: int
    width: int
    horizon: int


@dataclass(frozen=True)
class Light:
    """Where light comes from and how cloth wrinkles in one scene.

    Attributes:
        direction: (3,) unit vector toward the light on the screen (x right, y down, z toward the viewer).
        wrinkles: (H, W) smooth noise of about unit variance, at least as large as any canvas.
    """

    direction: NDArray[np.float64]
    wrinkles: Image


@dataclass(frozen=True)
class Canvas:
    """A rectangle of the picture on which one person is drawn.

    Attributes:
        left, top: position of its first pixel in the picture.
        paint: (4, H, W) red, green, blue (0..255) premultiplied by alpha (0..1), and alpha.
        labels: (H, W) uint8 of ``Label``; NOTHING where alpha is below a half.
        light: the scene's light.
    """

    left: int
    top: int
    paint: Image
    labels: NDArray[np.uint8]
    light: Light

    @classmethod
    def empty(cls, left: int, top: int, width: int, height: int, light: Light) -> "Canvas":
        """Return a transparent canvas."""
        paint = np.zeros((4, height, width), np.float32)
        return cls(left, top, paint, np.zeros((height, width), np.uint8), light)


@dataclass(frozen=True)
class Area:
    """The part of a canvas that a shape covers.

    Attributes:
        rows, columns: the shape's bounding rectangle on the canvas.
        x, y: positions of its columns and rows in the picture.
        coverage: (h, w) uint8, 255 inside of the shape.
    """

    rows: slice
    columns: slice
    x: Image
    y: Image
    coverage: NDArray[np.uint8]


def cover(canvas: Canvas, outlines: Sequence[Points]) -> Area | None:
    """Find the pixels inside of any of several convex outlines.

    Args:
        canvas: where to draw.
        outlines: (N, 2) pixel positions in the picture each; N and order free, their convex hull is filled.

    Returns:
        The covered area; None where it lies off the canvas.
    """
    origin = canvas.left, canvas.top
    hulls = [cv2.convexHull(((outline - origin) * (1 << _SUBPIXEL_BITS)).astype(np.int32)) for outline in outlines]
    left, top, right, bottom = _bounds(hulls, canvas.labels.shape)
    if left >= right or top >= bottom:
        return None
    coverage = np.zeros((bottom - top, right - left), np.uint8)
    shift = (left << _SUBPIXEL_BITS, top << _SUBPIXEL_BITS)
    for hull in hulls:
        cv2.fillConvexPoly(coverage, hull - shift, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    x = np.arange(left + canvas.left, right + canvas.left, dtype=np.float32)
    y = np.arange(top + canvas.top, bottom + canvas.top, dtype=np.float32)
    return Area(slice(top, bottom), slice(left, right), x, y, coverage)


def _bounds(hulls: Sequence[NDArray[np.int32]], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the canvas's pixels that the hulls and their soft rims touch."""
    height, width = shape
    x, y, wide, tall = cv2.boundingRect(hulls[0] if len(hulls) == 1 else np.concatenate(hulls))
    left, top = x >> _SUBPIXEL_BITS, y >> _SUBPIXEL_BITS
    right, bottom = (x + wide) >> _SUBPIXEL_BITS, (y + tall) >> _SUBPIXEL_BITS
    return max(left - 1, 0), max(top - 1, 0), min(right + 3, width), min(bottom + 3, height)


def paint(
    canvas: Canvas,
    area: Area,
    colors: Image,
    factor: Image | None,
    label: Label | int | None,
    opacity: float = 1.0,
) -> None:
    """Lay colours over an area.

    Args:
        canvas: where to draw.
        area: which pixels.
        colors: (3, h, w) or (3, 1, 1) red, green, blue, 0..255.
        factor: (h, w) brightness that multiplies them; None for 1.
        label: what the pixels show from now on; None leaves that as it was, and paints only where something is.
        opacity: 0..1.
    """
    below = canvas.paint[:, area.rows, area.columns]
    alpha = area.coverage * np.float32(opacity / 255.0)
    layer = np.empty_like(below)
    np.multiply(colors, 1.0 if factor is None else factor, out=layer[:3])
    layer[3] = 1.0
    if label is None:
        alpha *= below[3]
        layer[:3] *= below[3]
        layer[3] = below[3]
    else:
        np.copyto(canvas.labels[area.rows, area.columns], np.uint8(label), where=area.coverage > 127)
    layer -= below
    layer *= alpha
    below += layer


def lit(area: Area, canvas: Canvas, brightness: Image, roughness: float) -> Image:
    """Turn the cosine between a surface's normal and the light into a factor for its colour.

    Args:
        area: the pixels.
        canvas: the canvas that they lie on.
        brightness: (h, w) cosine, negative where the surface looks away from the light.
        roughness: strength of wrinkles.

    Returns:
        (h, w) factor, about 0.4..1.2.
    """
    factor = np.maximum(brightness, 0.0)
    factor *= _DIFFUSE
    factor += _AMBIENT
    factor += roughness * canvas.light.wrinkles[area.rows, area.columns]
    return factor


def smooth_noise(rng: Generator, height: int, width: int, cell: int) -> Image:
    """Return (height, width) smooth noise of about unit variance whose blotches measure ``cell`` pixels."""
    coarse = rng.standard_normal((height // cell + 3, width // cell + 3), np.float32)
    large = cv2.resize(coarse, None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[cell : cell + height, cell : cell + width] * 1.4, np.float32)


def solid(color: Color) -> Image:
    """Return one colour as planes, (3, 1, 1)."""
    return np.array(color, np.float32)[:, None, None]

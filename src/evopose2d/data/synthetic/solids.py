"""The solids that a person is made of: tubes, balls and marks on them.

All positions are in screen space: x to the right, y down, z toward the viewer, in pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.synthetic.canvas import (
    Canvas,
    Color,
    Image,
    Label,
    Light,
    Points,
    cover,
    lit,
    paint,
    solid,
)

Vector = NDArray[np.float64]

_ANGLES = np.arange(20) * (2 * np.pi / 20)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1)

Pattern = Callable[[Image, Image], Image]
"""From position along (0..1) and across (-1..1) a tube, (h, w) each, to the share of the second colour."""

Skin = Callable[[Image], tuple[Image, Color]]
"""From unit normals in a ball's own frame, (3, h, w), to a second colour's share, (h, w), and that colour."""


class Solid(Protocol):
    """Something to be drawn: solids with a greater ``depth`` lie nearer and are drawn later."""

    @property
    def depth(self) -> float:
        """Order of drawing, in pixels toward the viewer."""
        ...

    def draw(self, canvas: Canvas) -> None:
        """Draw it over what is already there."""
        ...


@dataclass(frozen=True)
class Tube:
    """A shaded body along an axis.

    Attributes:
        depth: order of drawing.
        label: what its pixels show.
        start, end: (3,) ends of its axis.
        radii: thickness at the two ends.
        outlines: (N, 3) point sets whose convex hulls make its silhouette.
        color, second: its colours, mixed as ``pattern`` says.
        roughness: strength of wrinkles.
    """

    depth: float
    label: Label | int
    start: Vector
    end: Vector
    radii: tuple[float, float]
    outlines: tuple[Points, ...]
    color: Color
    second: Color = (0.0, 0.0, 0.0)
    pattern: Pattern | None = None
    roughness: float = 0.04

    def draw(self, canvas: Canvas) -> None:
        """Draw it over what is already there."""
        area = cover(canvas, [outline[:, :2] for outline in self.outlines])
        if area is None:
            return
        (start_x, start_y, _), (dx, dy, dz) = self.start.tolist(), (self.end - self.start).tolist()
        length = max(math.hypot(dx, dy), 1e-3)
        dx, dy, dz = dx / length, dy / length, dz / length
        x, y = area.x - start_x, area.y - start_y
        along = np.add.outer(y * (dy / length), x * (dx / length))
        np.maximum(np.minimum(along, 1.0, out=along), 0.0, out=along)
        across = np.add.outer(y * dx, x * -dy)
        first, last = self.radii
        across /= (last - first) * along + first
        np.maximum(np.minimum(across, 1.0, out=across), -1.0, out=across)
        factor = lit(area, canvas, _tube_brightness(canvas.light, across, dx, dy, dz), self.roughness)
        colors = solid(self.color)
        if self.pattern is not None:
            colors = colors + self.pattern(along, across) * (solid(self.second) - colors)
        paint(canvas, area, colors, factor, self.label)


def _tube_brightness(light: Light, across: Image, dx: float, dy: float, dz: float) -> Image:
    """Return the cosine between a tube's normals and the light.

    Normals turn from the side, (-dy, dx, 0), to the direction square to the axis that faces the viewer.

    Args:
        light: the scene's light.
        across: (h, w) position between the sides, -1..1.
        dx, dy, dz: direction of the axis; (dx, dy) has length 1.
    """
    light_x, light_y, light_z = light.direction.tolist()
    sine = dz / math.sqrt(1.0 + dz * dz)
    facing = light_z * math.sqrt(1.0 - sine * sine) - sine * (light_x * dx + light_y * dy)
    brightness = across * across
    np.sqrt(np.subtract(1.0, brightness, out=brightness), out=brightness)
    brightness *= facing
    brightness += across * (light_y * dx - light_x * dy)
    return brightness


@dataclass(frozen=True)
class Ball:
    """A shaded ellipsoid.

    Attributes:
        depth: order of drawing.
        label: what its pixels show.
        center: (3,).
        axes: (3, 3), columns are its half axes, square to each other.
        color: its colour.
        skin: a second colour over part of its surface.
        roughness: strength of wrinkles.
    """

    depth: float
    label: Label | int
    center: Vector
    axes: Vector
    color: Color
    skin: Skin | None = None
    roughness: float = 0.03

    def draw(self, canvas: Canvas) -> None:
        """Draw it over what is already there."""
        spread, inverse = _projection(self.axes)
        area = cover(canvas, [self.center[:2] + _CIRCLE @ spread])
        if area is None:
            return
        center_x, center_y, _ = self.center.tolist()
        normals = _ball_normals(inverse, area.x - center_x, area.y - center_y)
        light = (canvas.light.direction @ self.axes) / (self.axes * self.axes).sum(0)
        light = (light / math.sqrt(light @ light)).astype(np.float32)
        brightness = (light @ normals.reshape(3, -1)).reshape(area.coverage.shape)
        factor = lit(area, canvas, brightness, self.roughness)
        colors = solid(self.color)
        if self.skin is not None:
            share, second = self.skin(normals)
            colors = colors + share * (solid(second) - colors)
        paint(canvas, area, colors, factor, self.label)


def _projection(axes: Vector) -> tuple[Vector, Image]:
    """Return how the surface ``axes @ u``, u a unit vector, lies on the screen.

    Returns:
        spread: (2, 2); the silhouette is ``circle @ spread``.
        inverse: (3, 3) float32 columns: what u gains by a pixel to the right and by a pixel down where z stays, and
            the direction of u in which z grows and the place on the screen stays.
    """
    (ax, ay, az), (bx, by, bz), depth = axes.tolist()
    aa, ab, bb = ax * ax + ay * ay + az * az, ax * bx + ay * by + az * bz, bx * bx + by * by + bz * bz
    # Cholesky factor of the 2x2 matrix of these products, and its inverse.
    first = math.sqrt(aa)
    corner = ab / first
    second = math.sqrt(max(bb - corner * corner, 1e-12))
    determinant = (first * second) ** 2
    toward = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    size = math.copysign(first * second, sum(t * d for t, d in zip(toward, depth, strict=True)))
    columns = (
        [(bb * a - ab * b) / determinant for a, b in ((ax, bx), (ay, by), (az, bz))],
        [(aa * b - ab * a) / determinant for a, b in ((ax, bx), (ay, by), (az, bz))],
        [t / size for t in toward],
    )
    return np.array(((first, corner), (0.0, second))), np.array(columns, np.float32).T


def _ball_normals(inverse: Image, x: Image, y: Image) -> Image:
    """Return unit normals of the visible surface in the ball's own frame, (3, h, w).

    Args:
        inverse: (3, 3) from ``_projection``.
        x, y: (w,) and (h,) pixels from the ball's centre.
    """
    right, down, toward = inverse.T[:, :, None, None]
    normals = right * x + down * y[:, None]
    height = 1.0 - np.einsum("khw,khw->hw", normals, normals)
    np.sqrt(np.maximum(height, 0.0, out=height), out=height)
    normals += toward * height
    return np.asarray(normals, np.float32)


@dataclass(frozen=True)
class Mark:
    """A flat polygon on something already drawn: an eye, a button, a neckline.

    Attributes:
        depth: order of drawing.
        outline: (N, 3) points, their convex hull is filled.
        color: its colour.
        opacity: 0..1.
    """

    depth: float
    outline: Points
    color: Color
    opacity: float = 1.0

    def draw(self, canvas: Canvas) -> None:
        """Draw it over what is already there; what the pixels show stays."""
        area = cover(canvas, [self.outline[:, :2]])
        if area is not None:
            paint(canvas, area, solid(self.color), None, None, self.opacity)


def capsule(start: Vector, end: Vector, start_radius: float, end_radius: float) -> Points:
    """Return (N, 3) points whose hull is a rounded limb from ``start`` to ``end``."""
    points = np.empty((2, len(_CIRCLE), 3))
    points[0], points[1] = start, end
    points[0, :, :2] += _CIRCLE * start_radius
    points[1, :, :2] += _CIRCLE * end_radius
    return points.reshape(-1, 3)


def section(center: Vector, sideways: Vector, forward: Vector) -> Points:
    """Return (N, 3) points on the ellipse with the half axes ``sideways`` and ``forward``."""
    return np.asarray(center + _CIRCLE[:, :1] * sideways + _CIRCLE[:, 1:] * forward)

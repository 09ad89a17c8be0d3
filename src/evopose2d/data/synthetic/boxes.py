"""Boxes in space: seats, backrests and furniture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from evopose2d.data.synthetic.canvas import Canvas, Color, Label, cover, lit, paint, solid
from evopose2d.data.synthetic.skeleton import Array, Skeleton
from evopose2d.data.synthetic.solids import Solid
from evopose2d.data.synthetic.wardrobe import darker, vivid_color

# Corners of a face that looks along +z, in half axes.
_FACE = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)], float)
_SEAT_BEHIND = 0.16


@dataclass(frozen=True)
class Box:
    """A shaded cuboid.

    Attributes:
        depth: order of drawing.
        center: (3,) in screen space.
        axes: (3, 3), columns are its half axes.
        color: its colour.
        label: what its pixels show.
    """

    depth: float
    center: Array
    axes: Array
    color: Color
    label: Label = Label.OBJECT

    def draw(self, canvas: Canvas) -> None:
        """Draw the faces that look toward the viewer."""
        for axis in range(3):
            sign = 1.0 if self.axes[2, axis] > 0 else -1.0
            order = [(axis + 1) % 3, (axis + 2) % 3, axis]
            corners = self.center + (_FACE * (1, 1, sign)) @ self.axes[:, order].T
            area = cover(canvas, [corners[:, :2]])
            if area is None:
                continue
            normal = sign * self.axes[:, axis] / max(float(np.linalg.norm(self.axes[:, axis])), 1e-6)
            cosine = np.full(area.coverage.shape, normal @ canvas.light.direction, np.float32)
            paint(canvas, area, solid(self.color), lit(area, canvas, cosine, 0.03), self.label)


def seat_solids(bones: Skeleton, view: Array, floor: float, rng: Generator) -> Iterator[Solid]:
    """Yield a stool or a chair under a seated person.

    Args:
        bones: the person's joints.
        view: (3, 3) columns are left, up and forward of the upright body on the screen.
        floor: y of the floor below the seat, in the person's screen space.
        rng: chooses size and colour.
    """
    unit = bones.scale
    left, up, forward = view.T * unit
    color = darker(vivid_color(rng), 0.85) if rng.random() < 0.5 else (150.0, 108.0, 70.0)
    width = rng.uniform(0.11, 0.17)
    top = bones.pelvis - 0.065 * up + 0.07 * forward
    height = max(0.06, (floor - top[1]) / max(-up[1], 0.2 * unit))
    thickness = height if rng.random() < 0.55 else 0.05
    axes = np.stack([width * left, 0.5 * thickness * up, 0.15 * forward], 1)
    depth = float(bones.pelvis[2]) - _SEAT_BEHIND * unit
    yield Box(depth, top - 0.5 * thickness * up, axes, color)
    if thickness < height:
        for x in (-1.0, 1.0):
            leg_axes = np.stack([0.012 * left, 0.5 * height * up, 0.012 * forward], 1)
            for z in (-1.0, 1.0):
                corner = top + 0.9 * x * width * left + 0.13 * z * forward - 0.5 * height * up
                yield Box(depth - 0.001 * unit, corner, leg_axes, darker(color, 0.7))
    if rng.random() < 0.5:
        back = rng.uniform(0.24, 0.36)
        center = top - 0.2 * forward + 0.5 * back * up
        back_axes = np.stack([width * left, 0.5 * back * up, 0.015 * forward], 1)
        yield Box(float(center[2]), center, back_axes, darker(color, 0.92))

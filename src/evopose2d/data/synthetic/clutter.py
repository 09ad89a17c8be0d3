"""Things around people: furniture, posts, and bars and balls that resemble limbs and heads."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from evopose2d.data.synthetic.boxes import Box
from evopose2d.data.synthetic.canvas import Ground, Label
from evopose2d.data.synthetic.skeleton import TO_SCREEN, rotation
from evopose2d.data.synthetic.solids import Ball, Solid, Tube, capsule
from evopose2d.data.synthetic.wardrobe import darker, muted_color, sample_skin, vivid_color


def sample_clutter(rng: Generator, ground: Ground) -> list[Solid]:
    """Choose things behind all people: furniture, bars and balls."""
    solids: list[Solid] = [_furniture(rng, ground) for _ in range(rng.integers(0, 4))]
    solids += [_bar(rng, ground) for _ in range(rng.integers(0, 5))]
    solids += [_sphere(rng, ground) for _ in range(rng.integers(0, 4))]
    return solids


def _furniture(rng: Generator, ground: Ground) -> Solid:
    """Return a box that stands on the ground: a table, a cupboard, a crate."""
    size = rng.uniform((0.04, 0.05, 0.03), (0.16, 0.24, 0.1)) * ground.height
    turn = TO_SCREEN @ rotation(0, rng.uniform(0.1, 0.35)) @ rotation(1, rng.uniform(-0.9, 0.9))
    foot = ground.horizon + rng.uniform(0.02, 0.6) * (ground.height - ground.horizon)
    center = np.array((rng.uniform(0, 1) * ground.width, foot - size[1], 0.0))
    return Box(foot, center, turn * size, darker(muted_color(rng), 0.9))


def _bar(rng: Generator, ground: Ground) -> Solid:
    """Return a bar as thick, as long and as coloured as a limb."""
    length = rng.uniform(0.08, 0.3) * ground.height
    thickness = length * rng.uniform(0.07, 0.13)
    color = sample_skin(rng) if rng.random() < 0.35 else vivid_color(rng)
    start = rng.uniform((0, 0, 0), (ground.width, ground.height, 1))
    angle = rng.uniform(0, np.pi)
    end = start + length * np.array((np.cos(angle), np.sin(angle), 0.0))
    radii = (thickness, thickness * rng.uniform(0.55, 1.0))
    return Tube(start[1], Label.OBJECT, start, end, radii, (capsule(start, end, *radii),), color)


def _sphere(rng: Generator, ground: Ground) -> Solid:
    """Return a ball: a lamp, a balloon, a head without a face."""
    radius = rng.uniform(0.02, 0.06) * ground.height
    center = rng.uniform((0, 0, 0), (ground.width, ground.height, 1))
    axes = np.diag(radius * rng.uniform(0.75, 1.25, 3))
    color = sample_skin(rng) if rng.random() < 0.4 else vivid_color(rng)
    return Ball(center[1], Label.OBJECT, center, axes, color)


def sample_obstacles(rng: Generator, ground: Ground) -> list[Solid]:
    """Choose things in front of all people: mostly none, else tables and posts at the lower border."""
    makers: tuple[Callable[[Generator, Ground], Solid], ...] = (_table, _post)
    count = int(rng.choice(3, p=(0.78, 0.17, 0.05)))
    return [makers[rng.integers(len(makers))](rng, ground) for _ in range(count)]


def _table(rng: Generator, ground: Ground) -> Solid:
    size = rng.uniform((0.08, 0.05, 0.05), (0.25, 0.13, 0.1)) * ground.height
    turn = TO_SCREEN @ rotation(0, 0.25) @ rotation(1, rng.uniform(-0.6, 0.6))
    center = np.array((rng.uniform(0, 1) * ground.width, ground.height * rng.uniform(0.9, 1.02), 0.0))
    return Box(0.0, center, turn * size, muted_color(rng))


def _post(rng: Generator, ground: Ground) -> Solid:
    x, lean = rng.uniform(0, 1, 2) * (ground.width, 0.08 * ground.width)
    start = np.array((x, ground.height * rng.uniform(0.25, 0.8), 0.0))
    end = np.array((x + lean, ground.height + 20.0, 0.0))
    radius = rng.uniform(0.006, 0.02) * ground.height
    outline = capsule(start, end, radius, radius)
    return Tube(0.0, Label.OBJECT, start, end, (radius, radius), (outline,), muted_color(rng))

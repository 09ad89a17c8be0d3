"""Backgrounds: rooms and places outdoors, with pictures and windows, hills, houses and trees."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evopose2d.data.synthetic.canvas import Canvas, Color, Ground, Image, Light, smooth_noise
from evopose2d.data.synthetic.clutter import sample_clutter
from evopose2d.data.synthetic.wardrobe import darker, muted_color, vivid_color

Picture = NDArray[np.uint8]

_FRACTION = 4


def draw_background(rng: Generator, ground: Ground, light: Light) -> Image:
    """Draw a room or a place outdoors with clutter.

    Args:
        rng: chooses everything.
        ground: size and horizon.
        light: the scene's light.

    Returns:
        (3, H, W) float32 red, green, blue, 0..255.
    """
    picture = np.empty((ground.height, ground.width, 3), np.uint8)
    indoors = rng.random() < 0.5
    far, near = (_room if indoors else _outdoors)(rng, picture, ground)
    canvas = Canvas.empty(0, 0, ground.width, ground.height, light)
    planes = canvas.paint[:3]
    canvas.paint[3] = 1.0
    np.copyto(planes, cv2.split(picture))
    _texture(rng, planes, ground, far, near)
    for solid in sorted(sample_clutter(rng, ground), key=lambda solid: solid.depth):
        solid.draw(canvas)
    # The lens is set on the people: what lies behind them is a little out of focus.
    deviation = float(rng.uniform(0.8, 2.2))
    for plane in planes:
        cv2.GaussianBlur(plane, (0, 0), deviation, dst=plane)
    return planes


def _ramp(picture: Picture, top: int, bottom: int, first: Color, second: Color) -> None:
    colors = np.linspace(first, second, bottom - top)
    picture[top:bottom] = np.clip(colors, 0, 255).astype(np.uint8)[:, None]


def _polygon(picture: Picture, points: NDArray[np.floating], color: Color) -> None:
    fixed = np.rint(points * (1 << _FRACTION)).astype(np.int32)
    cv2.fillPoly(picture, [fixed], color, cv2.LINE_AA, _FRACTION)


def _rectangle(picture: Picture, left: float, top: float, right: float, bottom: float, color: Color) -> None:
    _polygon(picture, np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), color)


def _room(rng: Generator, picture: Picture, ground: Ground) -> tuple[float, float]:
    wall, floor = muted_color(rng), muted_color(rng)
    _ramp(picture, 0, ground.horizon, wall, darker(wall, rng.uniform(0.75, 1.05)))
    _ramp(picture, ground.horizon, ground.height, darker(floor, rng.uniform(0.6, 0.85)), floor)
    if rng.random() < 0.5:
        _boards(rng, picture, ground, darker(floor, 0.7))
    skirting = rng.uniform(2, 7)
    edge = darker(wall, rng.uniform(0.5, 1.3))
    _rectangle(picture, 0, ground.horizon - skirting, ground.width, ground.horizon, edge)
    for _ in range(rng.integers(1, 5)):
        _framed(rng, picture, ground)
    return 5.0, 8.0


def _boards(rng: Generator, picture: Picture, ground: Ground, color: Color) -> None:
    vanishing = rng.uniform(0.2, 0.8) * ground.width
    for x in np.arange(-ground.width, 2 * ground.width, rng.uniform(25, 60)):
        start = (int(vanishing + 0.35 * (x - vanishing)), ground.horizon)
        cv2.line(picture, start, (int(x), ground.height), color, 1, cv2.LINE_AA)


def _framed(rng: Generator, picture: Picture, ground: Ground) -> None:
    """Draw a picture, a window or a shelf on the wall."""
    width, height = rng.uniform(0.08, 0.3) * ground.width, rng.uniform(0.25, 0.8) * ground.horizon
    left, top = rng.uniform(-0.05, 0.95) * ground.width, rng.uniform(0.0, 0.35) * ground.horizon
    _rectangle(picture, left, top, left + width, top + height, muted_color(rng))
    inset = rng.uniform(2, 6)
    inner = vivid_color(rng) if rng.random() < 0.5 else muted_color(rng)
    _rectangle(picture, left + inset, top + inset, left + width - inset, top + height - inset, inner)
    for _ in range(rng.integers(0, 4)):
        y = int(rng.uniform(top + inset, top + height - inset))
        cv2.line(picture, (int(left + inset), y), (int(left + width - inset), y), darker(inner, 0.6), 2)
    for _ in range(rng.integers(0, 5)):
        x, level = rng.uniform(inset, width - inset), rng.uniform(inset, height - inset)
        radius = int(rng.uniform(0.05, 0.2) * min(width, height)) + 1
        cv2.circle(picture, (int(left + x), int(top + level)), radius, vivid_color(rng), -1, cv2.LINE_AA)


def _outdoors(rng: Generator, picture: Picture, ground: Ground) -> tuple[float, float]:
    red, green, blue = np.array((150.0, 190.0, 235.0)) * rng.uniform(0.6, 1.05) + rng.normal(0, 12, 3)
    meadow: Color = (92, 132, 62) if rng.random() < 0.45 else muted_color(rng)
    _ramp(picture, 0, ground.horizon, (red, green, blue), (226, 230, 232))
    _ramp(picture, ground.horizon, ground.height, darker(meadow, rng.uniform(0.65, 0.9)), meadow)
    if rng.random() < 0.6:
        _hills(rng, picture, ground)
    for _ in range(rng.integers(0, 5)):
        _building(rng, picture, ground)
    for _ in range(rng.integers(0, 5)):
        _tree(rng, picture, ground)
    return 6.0, 14.0


def _hills(rng: Generator, picture: Picture, ground: Ground) -> None:
    x = np.linspace(-10, ground.width + 10, 24)
    waves = np.sin(x * rng.uniform(0.008, 0.03) + rng.uniform(0, 6))
    waves += 0.5 * np.sin(x * 0.05 + rng.uniform(0, 6))
    y = ground.horizon - rng.uniform(0.1, 0.3) * ground.horizon * (1.2 + 0.6 * waves)
    base = np.array([(ground.width + 10, ground.horizon), (-10, ground.horizon)])
    shade = rng.uniform(0.7, 1.1)
    _polygon(picture, np.concatenate([np.stack([x, y], 1), base]), darker((96, 122, 104), shade))


def _building(rng: Generator, picture: Picture, ground: Ground) -> None:
    width, height = rng.uniform(0.1, 0.35) * ground.width, rng.uniform(0.4, 1.1) * ground.horizon
    left, top = rng.uniform(-0.1, 0.95) * ground.width, ground.horizon - height
    wall = muted_color(rng)
    _rectangle(picture, left, top, left + width, ground.horizon + 2, wall)
    pane = darker(wall, rng.choice([0.45, 1.35]))
    columns, rows = rng.integers(2, 6), rng.integers(2, 6)
    for column in range(columns):
        for row in range(rows):
            x, y = left + (column + 0.2) * width / columns, top + (row + 0.2) * height / rows
            _rectangle(picture, x, y, x + 0.55 * width / columns, y + 0.6 * height / rows, pane)


def _tree(rng: Generator, picture: Picture, ground: Ground) -> None:
    x, foot = rng.uniform(0, 1) * ground.width, ground.horizon + rng.uniform(0, 0.12) * ground.height
    height = rng.uniform(0.5, 1.2) * ground.horizon
    trunk = 0.035 * height
    _rectangle(picture, x - trunk, foot - height * 0.6, x + trunk, foot, (92, 66, 44))
    leaves = np.array((54, 98, 46)) * rng.uniform(0.7, 1.4)
    for _ in range(7):
        center = (int(x + rng.normal(0, 0.16) * height), int(foot - height * rng.uniform(0.5, 0.95)))
        shade = leaves * rng.uniform(0.8, 1.2)
        color = (float(shade[0]), float(shade[1]), float(shade[2]))
        cv2.circle(picture, center, int(rng.uniform(0.1, 0.2) * height) + 1, color, -1, cv2.LINE_AA)


def _texture(rng: Generator, planes: Image, ground: Ground, far: float, near: float) -> None:
    """Roughen walls and sky by ``far``, the ground by ``near`` grey levels; let light fall off sideways."""
    coarse = smooth_noise(rng, ground.height, ground.width, int(rng.integers(5, 24)))
    fine = smooth_noise(rng, ground.height, ground.width, 2)
    strength = np.where(np.arange(ground.height) < ground.horizon, far, near).astype(np.float32)
    planes += strength[:, None] * (0.6 * coarse + 0.45 * fine)
    slope = np.linspace(rng.uniform(0.78, 1.05), rng.uniform(0.78, 1.05), ground.width, dtype=np.float32)
    planes *= slope

"""A whole picture: several people at their places, what hides them, and what of each can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evopose2d.data.synthetic.background import draw_background
from evopose2d.data.synthetic.canvas import Canvas, Ground, Image, Light, smooth_noise
from evopose2d.data.synthetic.clutter import sample_obstacles
from evopose2d.data.synthetic.figure import DrawnFigure, Placement, draw_figure, sample_figure
from evopose2d.data.synthetic.placement import sample_crowd, sample_places
from evopose2d.data.synthetic.skeleton import Array
from evopose2d.data.synthetic.solids import Solid

Mask = NDArray[np.bool_]

_WIDTHS, _SHAPES = (320, 480), (0.7, 0.8)
# A person counts as one only if this much can be seen of what lies in the picture.
_LEAST_SHARE, _LEAST_PIXELS, _LEAST_KEYPOINTS = 0.3, 150, 4
_LEAST_CROWD_PIXELS = 200
_SHADOW = 0.42


@dataclass(frozen=True)
class Person:
    """What can be seen of one person.

    Attributes:
        mask: (H, W) visible pixels.
        keypoints: (17, 3) x, y in pixels and visibility: 0 outside of the picture (x and y are 0 then),
            1 hidden, 2 visible.
    """

    mask: Mask
    keypoints: Array


@dataclass(frozen=True)
class Scene:
    """A picture and what it shows.

    Attributes:
        picture: (H, W, 3) uint8 red, green, blue.
        people: each person.
        crowds: (H, W) visible pixels of each group of tiny people.
    """

    picture: NDArray[np.uint8]
    people: tuple[Person, ...]
    crowds: tuple[Mask, ...]


def draw_scene(rng: Generator) -> Scene:
    """Draw a picture of one to six people, sometimes with a crowd far off; a pure function of ``rng``."""
    width = 4 * int(rng.integers(_WIDTHS[0] // 4, _WIDTHS[1] // 4 + 1))
    height = int(np.clip(4 * round(width * rng.uniform(*_SHAPES) / 4), 240, 360))
    ground = Ground(height, width, int(height * rng.uniform(0.3, 0.62)))
    light = _sample_light(rng, ground)
    planes = draw_background(rng, ground, light)
    crowd = _draw_all(sample_crowd(rng, ground), ground, light, rng)
    obstacles = [_draw_alone(solid, ground, light) for solid in sample_obstacles(rng, ground)]
    people: tuple[Person, ...] = ()
    while not people:  # once in a hundred pictures nobody can be seen
        figures = _draw_all(sample_places(rng, ground), ground, light, rng)
        people, kept, taken = _visible_people(figures, obstacles, ground)
    crowd_mask = _union(crowd, ground) & ~taken
    crowds = (crowd_mask,) if crowd_mask.sum() >= _LEAST_CROWD_PIXELS else ()
    for place, drawn in [*(crowd if crowds else ()), *kept]:
        _cast_shadow(planes, place, drawn)
        _lay(planes, drawn.canvas)
    for canvas in obstacles:
        _lay(planes, canvas)
    return Scene(_develop(rng, planes), people, crowds)


def _sample_light(rng: Generator, ground: Ground) -> Light:
    direction = np.array((rng.uniform(-0.6, 0.6), -rng.uniform(0.15, 0.7), 1.0))
    wrinkles = smooth_noise(rng, ground.height, ground.width, int(rng.integers(4, 8)))
    return Light(direction / np.linalg.norm(direction), wrinkles)


Placed = tuple[Placement, DrawnFigure]


def _draw_all(places: Sequence[Placement], ground: Ground, light: Light, rng: Generator) -> list[Placed]:
    """Draw a person at each place, in the order given: far ones first."""
    drawn = [
        (place, draw_figure(sample_figure(rng), place, (ground.height, ground.width), light, rng)) for place in places
    ]
    return [(place, figure) for place, figure in drawn if figure is not None]


def _draw_alone(solid: Solid, ground: Ground, light: Light) -> Canvas:
    canvas = Canvas.empty(0, 0, ground.width, ground.height, light)
    solid.draw(canvas)
    return canvas


def _region(canvas: Canvas) -> tuple[slice, slice]:
    height, width = canvas.labels.shape
    return slice(canvas.top, canvas.top + height), slice(canvas.left, canvas.left + width)


def _visible_people(
    figures: Sequence[Placed], obstacles: Sequence[Canvas], ground: Ground
) -> tuple[tuple[Person, ...], list[Placed], Mask]:
    """Find from near to far what of each person can be seen, and leave out those of whom too little can.

    Returns:
        The people that stay, their drawings (both far ones first), and (H, W) what they and obstacles cover.
    """
    taken = np.zeros((ground.height, ground.width), bool)
    for canvas in obstacles:
        taken[_region(canvas)] |= canvas.labels > 0
    people, kept = [], []
    for place, figure in reversed(figures):
        region = _region(figure.canvas)
        mask = np.zeros_like(taken)
        mask[region] = figure.mask & ~taken[region]
        keypoints = _judge_keypoints(figure, mask)
        least = max(_LEAST_PIXELS, _LEAST_SHARE * figure.mask.sum())
        if mask.sum() >= least and (keypoints[:, 2] == 2).sum() >= _LEAST_KEYPOINTS:
            people.append(Person(mask, keypoints))
            kept.append((place, figure))
            taken[region] |= figure.canvas.labels > 0
    return tuple(people[::-1]), kept[::-1], taken


def _judge_keypoints(figure: DrawnFigure, mask: Mask) -> Array:
    """Return (17, 3) keypoints with visibility, as ``Person`` holds them."""
    height, width = mask.shape
    canvas = figure.canvas
    keypoints = np.zeros((len(figure.keypoints), 3))
    for row, (x, y), seen_on in zip(keypoints, figure.keypoints, figure.seen_on, strict=True):
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            continue
        column, line = round(x), round(y)
        seen = mask[line, column] and int(canvas.labels[line - canvas.top, column - canvas.left]) in seen_on
        row[:] = x, y, 2 if seen else 1
    return keypoints


def _union(figures: Sequence[Placed], ground: Ground) -> Mask:
    mask = np.zeros((ground.height, ground.width), bool)
    for _, figure in figures:
        mask[_region(figure.canvas)] |= figure.mask
    return mask


def _lay(planes: Image, canvas: Canvas) -> None:
    below = planes[:, *_region(canvas)]
    below *= 1.0 - canvas.paint[3]
    below += canvas.paint[:3]


def _cast_shadow(planes: Image, place: Placement, figure: DrawnFigure) -> None:
    """Darken the ground below a person."""
    height, width = planes.shape[1:]
    columns = np.flatnonzero(figure.canvas.labels[-max(2, int(0.18 * place.scale)) :].any(0))
    if not len(columns) or place.y > height + 0.1 * place.scale:
        return
    middle = figure.canvas.left + 0.5 * float(columns.min() + columns.max())
    half = 0.5 * float(columns.max() - columns.min()) + 0.03 * place.scale
    reach, depth = half * 1.35, 0.05 * place.scale
    left, right = max(0, int(middle - reach)), min(width, int(middle + reach) + 1)
    top, bottom = max(0, int(place.y - 1.5 * depth)), min(height, int(place.y + 1.5 * depth) + 1)
    if left >= right or top >= bottom:
        return
    x = (np.arange(left, right, dtype=np.float32) - np.float32(middle)) / np.float32(reach)
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(place.y)) / np.float32(1.5 * depth)
    strength = np.maximum(1.0 - (x * x)[None, :] - (y * y)[:, None], 0.0)
    planes[:, top:bottom, left:right] *= 1.0 - np.float32(_SHADOW) * strength


def _develop(rng: Generator, planes: Image) -> NDArray[np.uint8]:
    """Turn colours into a photograph's: exposure, contrast, colour cast, sometimes blur and noise."""
    gain = np.float32(rng.uniform(0.85, 1.12)) * rng.normal(1.0, 0.04, 3).astype(np.float32)
    offset = np.float32(rng.normal(0.0, 7.0))
    planes *= gain[:, None, None]
    planes += offset
    if rng.random() < 0.4:
        planes += np.float32(rng.uniform(1.0, 4.5)) * rng.standard_normal(planes.shape[1:], np.float32)
    picture = cv2.merge(list(np.clip(planes, 0, 255, out=planes).astype(np.uint8)))
    if rng.random() < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.45, 0.9)))
    return np.asarray(picture)

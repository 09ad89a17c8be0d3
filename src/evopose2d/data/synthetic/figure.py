"""A whole person: sampled, placed in a picture and drawn, with where each of its keypoints can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evopose2d.data.synthetic.boxes import seat_solids
from evopose2d.data.synthetic.canvas import Canvas, Label, Light
from evopose2d.data.synthetic.head import covers_ears, face_keypoints, face_turned, head_solids
from evopose2d.data.synthetic.limbs import arm_solids, leg_solids
from evopose2d.data.synthetic.poses import sample_pose, sample_proportions
from evopose2d.data.synthetic.skeleton import (
    LEFT,
    RIGHT,
    TO_SCREEN,
    Array,
    Pose,
    Proportions,
    Skeleton,
    build_skeleton,
    rotation,
)
from evopose2d.data.synthetic.solids import Solid
from evopose2d.data.synthetic.trunk import trunk_solids
from evopose2d.data.synthetic.wardrobe import Look, sample_look

_SOLE = 0.02
_MARGIN = 0.13
# The trunk hides a shoulder or hip that lies this far behind the body's axis, as a share of half its width.
_HIDDEN_BEHIND = -0.75
_LYING_PITCH = 0.4
# How often people face the viewer, show a side and show their back: mean and deviation of the turn, in radians.
_VIEWS = ((0.78, 0.0, 0.35), (0.12, 1.25, 0.25), (0.1, np.pi, 0.35))
_SHOULDER_CLOTH: frozenset[int] = frozenset((Label.TORSO, Label.NECK))
_HIP_CLOTH: frozenset[int] = frozenset((Label.TORSO, Label.PELVIS, Label.SKIRT))


@dataclass(frozen=True)
class Figure:
    """A person before it is drawn.

    Attributes:
        body: lengths.
        pose: joint angles.
        look: skin, hair, clothes.
        turn: angle in radians about the vertical; 0 faces the viewer, positive turns to the own left.
        lean: angle in radians in the picture's plane.
    """

    body: Proportions
    pose: Pose
    look: Look
    turn: float
    lean: float


@dataclass(frozen=True)
class Placement:
    """Where and how large a person stands in a picture.

    Attributes:
        x, y: of the point on the ground below the pelvis, in pixels.
        scale: pixels in a body height.
        pitch: angle in radians at which the viewer looks down.
    """

    x: float
    y: float
    scale: float
    pitch: float


@dataclass(frozen=True)
class DrawnFigure:
    """A person as drawn.

    Attributes:
        canvas: its pixels, within the picture.
        keypoints: (17, 2) x, y in the picture, in COCO's order, also where outside or hidden.
        seen_on: for each keypoint the labels of the person's own pixels on which it counts as visible.
    """

    canvas: Canvas
    keypoints: Array
    seen_on: tuple[frozenset[int], ...]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) of the canvas: whether a pixel shows the person (and not a seat, say)."""
        return self.canvas.labels > Label.OBJECT


def sample_figure(rng: Generator) -> Figure:
    """Draw a person: most face the viewer more or less, the others show a side or their back."""
    pose = sample_pose(rng)
    view = 0 if pose.lying else rng.choice(len(_VIEWS), p=[share for share, _, _ in _VIEWS])
    _, middle, deviation = _VIEWS[view]
    turn = float(rng.normal(middle, deviation)) * (1.0 if rng.random() < 0.5 else -1.0)
    return Figure(sample_proportions(rng), pose, sample_look(rng), turn, float(rng.normal(0.0, 0.05)))


def draw_figure(
    figure: Figure, place: Placement, frame: tuple[int, int], light: Light, rng: Generator
) -> DrawnFigure | None:
    """Draw a person.

    Args:
        figure: whom.
        place: where.
        frame: height and width of the picture.
        light: the scene's light.
        rng: chooses the seat of a seated person.

    Returns:
        The drawing; None where no part of the person lies in the picture.
    """
    pitch = place.pitch + (_LYING_PITCH if figure.pose.lying else 0.0)
    view = rotation(2, figure.lean) @ rotation(0, pitch) @ rotation(1, figure.turn)
    bones = build_skeleton(figure.body, figure.pose, view, place.scale)
    lowest = float(bones.joints[:, 1].max()) + _SOLE * place.scale
    bones = bones.moved(np.array((place.x, place.y - lowest, 0.0)))
    canvas = _canvas_around(bones, frame, light)
    if canvas is None:
        return None
    solids: list[Solid] = []
    for side in (LEFT, RIGHT):
        solids.extend(arm_solids(bones, figure.body, figure.look, side))
        solids.extend(leg_solids(bones, figure.body, figure.look, side))
    for make in (trunk_solids, head_solids):
        solids.extend(make(bones, figure.body, figure.look))
    if figure.pose.seated:
        solids.extend(seat_solids(bones, TO_SCREEN @ view, place.y, rng))
    for part in sorted(solids, key=lambda part: part.depth):
        part.draw(canvas)
    return DrawnFigure(canvas, _keypoints(bones, figure.body)[:, :2], _seen_on(bones, figure))


def _canvas_around(bones: Skeleton, frame: tuple[int, int], light: Light) -> Canvas | None:
    margin = _MARGIN * bones.scale
    low = np.maximum(np.floor(bones.joints[:, :2].min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(bones.joints[:, :2].max(0) + margin), frame[::-1]).astype(int)
    if (low >= high).any():
        return None
    return Canvas.empty(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]), light)


def _keypoints(bones: Skeleton, body: Proportions) -> Array:
    """Return (17, 3) keypoints in COCO's order: the face's five, then pairs from the shoulders down."""
    pairs = (bones.shoulders, bones.elbows, bones.wrists, bones.hips, bones.knees, bones.ankles)
    return np.concatenate([face_keypoints(bones, body), *pairs])


def _seen_on(bones: Skeleton, figure: Figure) -> tuple[frozenset[int], ...]:
    nose, *eyes_and_ears = face_turned(bones)
    face = frozenset((Label.HEAD, Label.NOSE))
    nobody: frozenset[int] = frozenset()
    seen: list[frozenset[int]] = [face if turned else nobody for turned in (nose, *eyes_and_ears[:2])]
    for side in (LEFT, RIGHT):
        bare = eyes_and_ears[2 + side] and not covers_ears(figure.look)
        seen.append(frozenset((Label.EAR + side, Label.HEAD)) if bare else nobody)
    pairs = (
        lambda side: {Label.UPPER_ARM + side} | _trunk_if_near(bones.shoulders, side, _SHOULDER_CLOTH),
        lambda side: {Label.UPPER_ARM + side, Label.FOREARM + side},
        lambda side: {Label.FOREARM + side, Label.HAND + side},
        lambda side: {Label.THIGH + side} | _trunk_if_near(bones.hips, side, _HIP_CLOTH),
        lambda side: {Label.THIGH + side, Label.SHIN + side, Label.SKIRT},
        lambda side: {Label.SHIN + side, Label.FOOT + side},
    )
    seen.extend(frozenset(labels(side)) for labels in pairs for side in (LEFT, RIGHT))
    return tuple(seen)


def _trunk_if_near(joints: Array, side: int, trunk: frozenset[int]) -> frozenset[int]:
    """Return the trunk's labels if the trunk carries the joint where it is seen, and does not hide it."""
    half_width = 0.5 * float(np.linalg.norm(joints[0] - joints[1]))
    behind = float(joints[side, 2] - joints[:, 2].mean()) < _HIDDEN_BEHIND * half_width
    return frozenset() if behind else trunk

"""A person's joints in space: proportions, joint angles and forward kinematics.

Body frame: x to the person's own left, y up, z forward. Screen frame: x to the right, y down, z toward the
viewer, all three in pixels. Lengths of the body are in body heights, angles in radians.
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TO_SCREEN = np.diag((1.0, -1.0, 1.0))
LEFT, RIGHT = 0, 1
_SIDES = (1.0, -1.0)


@dataclass(frozen=True)
class Proportions:
    """Lengths of a body in body heights.

    ``shoulder`` and ``hip`` are half the distance between two joints; ``girth`` multiplies all thicknesses.
    """

    thigh: float = 0.245
    shin: float = 0.24
    sole: float = 0.042
    foot: float = 0.105
    torso: float = 0.29
    neck: float = 0.055
    head: float = 0.15
    shoulder: float = 0.108
    hip: float = 0.056
    upper_arm: float = 0.165
    forearm: float = 0.145
    hand: float = 0.06
    girth: float = 1.0


@dataclass(frozen=True)
class LimbAngles:
    """Angles of an arm or a leg against the chest or the pelvis.

    Attributes:
        flexion: raised forward.
        abduction: raised outward.
        rotation: turned inward about its own axis.
        bend: of the elbow (forward) or the knee (backward).
    """

    flexion: float = 0.0
    abduction: float = 0.0
    rotation: float = 0.0
    bend: float = 0.0


@dataclass(frozen=True)
class Pose:
    """Joint angles of a whole body.

    Attributes:
        tilt: (3, 3) rotation of the pelvis in the upright body's frame (identity when standing).
        spine: forward bend, bend to the left, turn to the left, of the chest against the pelvis.
        neck: the same, of the head against the chest.
        arms: left, right.
        legs: left, right.
        seated: whether the person sits on something.
        lying: whether the person lies on the ground.
    """

    tilt: Array
    spine: tuple[float, float, float]
    neck: tuple[float, float, float]
    arms: tuple[LimbAngles, LimbAngles]
    legs: tuple[LimbAngles, LimbAngles]
    seated: bool = False
    lying: bool = False


@dataclass(frozen=True)
class Skeleton:
    """Joints on the screen; all positions (..., 3) in pixels, z toward the viewer.

    Attributes:
        scale: pixels in a body height.
        pelvis: midpoint between the hips.
        waist: joint between pelvis and chest.
        neck: base of the neck.
        head: centre of the head.
        shoulders, elbows, wrists, fingers, hips, knees, ankles, heels, toes: (2, 3), left and right.
        pelvis_frame, chest_frame, head_frame: (3, 3), columns are the part's left, up and forward.
    """

    scale: float
    pelvis: Array
    waist: Array
    neck: Array
    head: Array
    shoulders: Array
    elbows: Array
    wrists: Array
    fingers: Array
    hips: Array
    knees: Array
    ankles: Array
    heels: Array
    toes: Array
    pelvis_frame: Array
    chest_frame: Array
    head_frame: Array

    @property
    def joints(self) -> Array:
        """All joints, (N, 3)."""
        pairs = (self.shoulders, self.elbows, self.wrists, self.fingers, self.hips, self.knees, self.ankles)
        single = np.stack([self.pelvis, self.waist, self.neck, self.head])
        return np.concatenate([single, *pairs, self.heels, self.toes])

    def moved(self, offset: Array) -> "Skeleton":
        """Return the skeleton with ``offset``, (3,), added to every position."""
        names = [field.name for field in fields(self) if field.name != "scale" and not field.name.endswith("_frame")]
        return replace(self, **{name: getattr(self, name) + offset for name in names})


def rotation(axis: int, angle: float) -> Array:
    """Return the (3, 3) right-handed rotation by ``angle`` about axis 0, 1 or 2 (x, y, z)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def bent(flexion: float, side: float, twist: float) -> Array:
    """Return the rotation of a spine or neck: forward bend, bend to the left, turn to the left."""
    return rotation(1, twist) @ rotation(0, flexion) @ rotation(2, -side)


def build_skeleton(body: Proportions, pose: Pose, view: Array, scale: float) -> Skeleton:
    """Place all joints of a body on the screen.

    Args:
        body: the body's lengths.
        pose: its joint angles.
        view: (3, 3) rotation of the upright body against a viewer whom it faces.
        scale: pixels in a body height.

    Returns:
        The joints, with the pelvis at the origin.
    """
    pelvis_frame = view @ pose.tilt
    chest_frame = pelvis_frame @ bent(*pose.spine)
    head_frame = chest_frame @ bent(*pose.neck)
    neck_frame = chest_frame @ bent(*(0.5 * angle for angle in pose.neck))
    waist = pelvis_frame @ (0.0, 0.36 * body.torso, 0.0)
    neck = waist + chest_frame @ (0.0, 0.64 * body.torso, 0.0)
    head = neck + neck_frame @ (0.0, body.neck, 0.0) + head_frame @ (0.0, 0.44 * body.head, 0.10 * body.head)
    arms = [_arm(body, pose.arms[side], chest_frame, neck, side) for side in (LEFT, RIGHT)]
    legs = [_leg(body, pose.legs[side], pelvis_frame, side) for side in (LEFT, RIGHT)]
    shoulders, elbows, wrists, fingers = np.stack(arms, 1)
    hips, knees, ankles, heels, toes = np.stack(legs, 1)
    screen = scale * TO_SCREEN
    return Skeleton(
        scale=scale,
        pelvis=np.zeros(3),
        waist=screen @ waist,
        neck=screen @ neck,
        head=screen @ head,
        shoulders=shoulders @ screen,
        elbows=elbows @ screen,
        wrists=wrists @ screen,
        fingers=fingers @ screen,
        hips=hips @ screen,
        knees=knees @ screen,
        ankles=ankles @ screen,
        heels=heels @ screen,
        toes=toes @ screen,
        pelvis_frame=TO_SCREEN @ pelvis_frame,
        chest_frame=TO_SCREEN @ chest_frame,
        head_frame=TO_SCREEN @ head_frame,
    )


def _limb_frame(angles: LimbAngles, side: int) -> Array:
    sign = _SIDES[side]
    return rotation(2, sign * angles.abduction) @ rotation(0, -angles.flexion) @ rotation(1, -sign * angles.rotation)


def _arm(body: Proportions, angles: LimbAngles, chest: Array, neck: Array, side: int) -> Array:
    upper = chest @ _limb_frame(angles, side)
    # The shoulder blade lifts the joint when the arm goes above the horizontal.
    lift = 0.035 * max(0.0, -float(chest[:, 1] @ upper[:, 1]))
    shoulder = neck + chest @ (_SIDES[side] * (body.shoulder - 0.5 * lift), lift - 0.035, 0.0)
    elbow = shoulder + upper @ (0.0, -body.upper_arm, 0.0)
    fore = upper @ rotation(0, -angles.bend)
    wrist = elbow + fore @ (0.0, -body.forearm, 0.0)
    return np.stack([shoulder, elbow, wrist, wrist + fore @ (0.0, -body.hand, 0.0)])


def _leg(body: Proportions, angles: LimbAngles, pelvis: Array, side: int) -> Array:
    upper = pelvis @ _limb_frame(angles, side)
    hip = pelvis @ (_SIDES[side] * body.hip, 0.0, 0.0)
    knee = hip + upper @ (0.0, -body.thigh, 0.0)
    lower = upper @ rotation(0, angles.bend)
    ankle = knee + lower @ (0.0, -body.shin, 0.0)
    # Feet point a little outward, heels behind the ankle.
    foot = lower @ rotation(1, _SIDES[side] * 0.2)
    heel = ankle + foot @ (0.0, -0.6 * body.sole, -0.2 * body.foot)
    toe = ankle + foot @ (0.0, -0.75 * body.sole, 0.78 * body.foot)
    return np.stack([hip, knee, ankle, heel, toe])

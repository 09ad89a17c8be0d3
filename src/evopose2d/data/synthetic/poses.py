"""Sampling of bodies and poses: standing, walking, sitting, lying and so on."""

import math
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
from numpy.random import Generator

from evopose2d.data.synthetic.skeleton import Array, LimbAngles, Pose, Proportions, rotation

Arms = tuple[LimbAngles, LimbAngles]

_CHILD = Proportions(
    thigh=0.215, shin=0.205, foot=0.11, torso=0.30, neck=0.05, head=0.2, shoulder=0.105, hip=0.055,
    upper_arm=0.155, forearm=0.135, girth=1.1,
)  # fmt: skip
_CHILD_SHARE = 0.14
_UPRIGHT = np.eye(3)


def sample_proportions(rng: Generator) -> Proportions:
    """Draw a body: an adult, or a child with a larger head and shorter legs; each length varies."""
    base = _CHILD if rng.random() < _CHILD_SHARE else Proportions()
    names = [field.name for field in fields(base) if field.name != "girth"]
    factors = rng.normal(1.0, 0.05, len(names)).clip(0.88, 1.12).tolist()
    lengths = {name: getattr(base, name) * factor for name, factor in zip(names, factors, strict=True)}
    return Proportions(**lengths, girth=base.girth * rng.uniform(0.92, 1.32))


def sample_pose(rng: Generator) -> Pose:
    """Draw the joint angles of a body in one of the everyday postures."""
    posture = rng.choice(len(_POSTURES), p=_SHARES)
    pose = _POSTURES[posture][1](rng)
    return _mirrored(pose) if rng.random() < 0.5 else pose


def _mirrored(pose: Pose) -> Pose:
    spine, neck = ((flexion, -side, -twist) for flexion, side, twist in (pose.spine, pose.neck))
    mirror = np.diag((-1.0, 1.0, 1.0))
    (left_arm, right_arm), (left_leg, right_leg) = pose.arms, pose.legs
    return replace(
        pose,
        tilt=mirror @ pose.tilt @ mirror,
        spine=spine,
        neck=neck,
        arms=(right_arm, left_arm),
        legs=(right_leg, left_leg),
    )


def _degrees(rng: Generator, low: float, high: float) -> float:
    return math.radians(rng.uniform(low, high))


def _limb(
    rng: Generator,
    flexion: tuple[float, float],
    abduction: tuple[float, float],
    rotation_range: tuple[float, float],
    bend: tuple[float, float],
) -> LimbAngles:
    return LimbAngles(*(_degrees(rng, *limits) for limits in (flexion, abduction, rotation_range, bend)))


# Ranges in degrees of flexion, abduction, inward rotation and bend; the last number is how often.
_ARM_STYLES = {
    "hanging": ((-10, 12), (6, 22), (-10, 30), (3, 30), 0.5),
    "on hip": ((-12, 5), (38, 55), (70, 88), (92, 112), 0.1),
    "holding": ((10, 35), (5, 20), (10, 45), (75, 125), 0.09),
    "reaching": ((45, 95), (0, 30), (-10, 20), (0, 40), 0.06),
    "waving": ((-10, 15), (65, 110), (-100, -75), (40, 110), 0.09),
    "sideways": ((-10, 12), (50, 100), (-20, 20), (0, 30), 0.08),
    "overhead": ((155, 175), (-8, 20), (-20, 20), (0, 30), 0.05),
    "behind": ((-40, -20), (10, 22), (0, 50), (10, 60), 0.01),
    "across": ((20, 38), (0, 12), (55, 75), (85, 115), 0.02),
}


def _arm(rng: Generator, style: str) -> LimbAngles:
    return _limb(rng, *_ARM_STYLES[style][:4])


def _any_arms(rng: Generator) -> Arms:
    styles = list(_ARM_STYLES)
    shares = np.array([_ARM_STYLES[style][4] for style in styles])
    first, second = (str(style) for style in rng.choice(styles, 2, p=shares / shares.sum()))
    return _arm(rng, first), _arm(rng, first if rng.random() < 0.45 else second)


def _small(rng: Generator, degrees: float) -> tuple[float, float, float]:
    flexion, side, twist = np.radians(rng.normal(0.0, degrees, 3).clip(-2 * degrees, 2 * degrees))
    return float(flexion), float(side), float(twist)


def _gaze(rng: Generator) -> tuple[float, float, float]:
    flexion, side, twist = np.radians(rng.normal((4.0, 0.0, 0.0), (7.0, 5.0, 14.0)).clip(-30, 30))
    return float(flexion), float(side), float(twist)


def _upright(rng: Generator, arms: Arms, legs: Arms, *, lean: float = 0.0, seated: bool = False) -> Pose:
    flexion, side, twist = _small(rng, 5.0)
    return Pose(_UPRIGHT, (flexion + lean, side, twist), _gaze(rng), arms, legs, seated)


def _standing(rng: Generator) -> Pose:
    straight = _limb(rng, (-4, 6), (1, 9), (-15, 5), (0, 8))
    relaxed = _limb(rng, (-4, 16), (1, 12), (-25, 5), (0, 24))
    return _upright(rng, _any_arms(rng), (straight, relaxed))


def _walking(rng: Generator) -> Pose:
    leading = _limb(rng, (14, 34), (0, 5), (-8, 4), (2, 22))
    trailing = _limb(rng, (-26, -8), (0, 5), (-8, 4), (8, 42))
    swing = _limb(rng, (-32, -8), (4, 14), (0, 25), (8, 40))
    opposite = _limb(rng, (8, 36), (4, 14), (0, 25), (12, 60))
    arms = (swing, opposite) if rng.random() < 0.75 else _any_arms(rng)
    return _upright(rng, arms, (leading, trailing), lean=_degrees(rng, 0, 8))


def _running(rng: Generator) -> Pose:
    leading = _limb(rng, (35, 75), (0, 6), (-8, 4), (40, 95))
    trailing = _limb(rng, (-32, -5), (0, 6), (-8, 4), (25, 105))
    swing = _limb(rng, (-50, -20), (5, 18), (0, 30), (70, 105))
    opposite = _limb(rng, (15, 50), (5, 18), (10, 40), (75, 115))
    return _upright(rng, (swing, opposite), (leading, trailing), lean=_degrees(rng, 5, 20))


def _sitting(rng: Generator) -> Pose:
    legs = (
        _limb(rng, (76, 96), (2, 16), (-10, 10), (62, 104)),
        _limb(rng, (76, 96), (2, 16), (-10, 10), (62, 104)),
    )
    lap = (_limb(rng, (18, 42), (2, 12), (5, 30), (30, 72)), _limb(rng, (18, 42), (2, 12), (5, 30), (30, 72)))
    arms = lap if rng.random() < 0.55 else _any_arms(rng)
    return _upright(rng, arms, legs, lean=_degrees(rng, -6, 22), seated=True)


def _cheering(rng: Generator) -> Pose:
    def raised() -> LimbAngles:
        high = _limb(rng, (-5, 10), (115, 168), (-60, 10), (0, 50))
        return high if rng.random() < 0.7 else _arm(rng, "overhead")

    legs = (
        _limb(rng, (-6, 12), (2, 26), (-20, 5), (0, 30)),
        _limb(rng, (-6, 12), (2, 26), (-20, 5), (0, 30)),
    )
    return _upright(rng, (raised(), raised()), legs)


def _bending(rng: Generator) -> Pose:
    tilt = _degrees(rng, 18, 62)
    spine = _degrees(rng, 8, 32)
    hang = np.degrees(tilt + spine)
    legs = tuple(_limb(rng, (hang - 30, hang + 6), (1, 9), (-10, 5), (0, 28)) for _ in range(2))
    arms = tuple(_limb(rng, (hang - 25, hang + 35), (2, 14), (0, 25), (4, 55)) for _ in range(2))
    neck = (_degrees(rng, -28, 8), *_small(rng, 6.0)[1:])
    return Pose(rotation(0, tilt), (spine, *_small(rng, 4.0)[1:]), neck, (arms[0], arms[1]), (legs[0], legs[1]))


def _crouching(rng: Generator) -> Pose:
    tilt = _degrees(rng, 8, 26)
    legs = tuple(_limb(rng, (98, 128), (4, 18), (-12, 4), (105, 138)) for _ in range(2))
    arms = tuple(_limb(rng, (35, 75), (2, 12), (0, 30), (10, 80)) for _ in range(2))
    spine = (_degrees(rng, 8, 28), *_small(rng, 4.0)[1:])
    neck = (_degrees(rng, -28, 2), *_small(rng, 8.0)[1:])
    return Pose(rotation(0, tilt), spine, neck, (arms[0], arms[1]), (legs[0], legs[1]))


def _lunging(rng: Generator) -> Pose:
    leading = _limb(rng, (45, 85), (0, 10), (-8, 4), (35, 90))
    trailing = _limb(rng, (-40, -12), (0, 12), (-8, 4), (5, 50))
    return _upright(rng, _any_arms(rng), (leading, trailing), lean=_degrees(rng, 0, 16))


def _kicking(rng: Generator) -> Pose:
    kick = _limb(rng, (40, 88), (0, 22), (-20, 5), (0, 45))
    support = _limb(rng, (-10, 8), (0, 8), (-15, 5), (0, 20))
    arms = (
        _limb(rng, (-30, 30), (25, 80), (-20, 20), (5, 50)),
        _limb(rng, (-30, 40), (20, 75), (-20, 20), (5, 60)),
    )
    return _upright(rng, arms, (kick, support), lean=_degrees(rng, -14, 6))


def _lying(rng: Generator) -> Pose:
    # On the back, the front or the side: the body's up points along the ground, away from the viewer's up.
    roll = float(rng.choice([0.0, 0.0, np.pi, 0.45 * np.pi])) + _degrees(rng, -12, 12)
    along: Array = rotation(1, _degrees(rng, 62, 118)) @ rotation(0, -np.pi / 2) @ rotation(1, roll)
    legs = (
        _limb(rng, (-5, 30), (2, 14), (-20, 5), (0, 45)),
        _limb(rng, (-5, 60), (2, 14), (-20, 5), (0, 80)),
    )
    return Pose(along, _small(rng, 5.0), _gaze(rng), _any_arms(rng), legs, lying=True)


_POSTURES: tuple[tuple[float, Callable[[Generator], Pose]], ...] = (
    (0.50, _standing),
    (0.20, _walking),
    (0.04, _running),
    (0.10, _sitting),
    (0.08, _cheering),
    (0.02, _bending),
    (0.02, _crouching),
    (0.02, _lunging),
    (0.01, _kicking),
    (0.01, _lying),
)
_SHARES = np.array([share for share, _ in _POSTURES])

"""The solids of arms and legs of one person, from its joints and its look."""

from collections.abc import Iterator

import numpy as np

from evopose2d.data.synthetic.canvas import Color, Label
from evopose2d.data.synthetic.skeleton import Array, Proportions, Skeleton
from evopose2d.data.synthetic.solids import Pattern, Solid, Tube, capsule
from evopose2d.data.synthetic.wardrobe import Look

# Corrections of the order of drawing, in body heights. Parts that touch lie at almost one depth: arms beside
# the trunk are to be seen whole, thighs begin under the shirt.
_ARM_NEARER, _LEG_FARTHER = 0.03, -0.08
# Half thickness in body heights at shoulder, elbow, elbow, wrist, wrist, fingers.
_UPPER_ARM, _FOREARM, _HAND = (0.03, 0.026), (0.026, 0.019), (0.021, 0.017)
# The same at hip, knee, knee, ankle, heel, toes.
_THIGH, _SHIN, _SHOE = (0.055, 0.041), (0.04, 0.026), (0.028, 0.022)


def arm_solids(bones: Skeleton, body: Proportions, look: Look, side: int) -> Iterator[Solid]:
    """Yield upper arm, forearm and hand of one side (0 left, 1 right), in no particular order."""
    shoulder, elbow, wrist, finger = (
        joint[side] for joint in (bones.shoulders, bones.elbows, bones.wrists, bones.fingers)
    )
    unit, cloth = bones.scale, look.looseness
    colors = (look.sleeve_color, look.skin)
    upper = _radii(_UPPER_ARM, body.girth, 0.7 * cloth * (look.sleeve > 0.3), cloth * (look.sleeve > 0.9))
    fore = _radii(_FOREARM, body.girth, cloth * (look.sleeve > 1.5), 0.6 * cloth * (look.sleeve > 1.5))
    upper_depth = 0.5 * (shoulder[2] + elbow[2]) + _ARM_NEARER * unit
    fore_depth = 0.5 * (elbow[2] + wrist[2]) + _ARM_NEARER * unit
    hand_depth = fore_depth + np.copysign(0.002 * unit, finger[2] - elbow[2])
    yield _limb(Label.UPPER_ARM + side, upper_depth, (shoulder, elbow), upper, unit, colors, look.sleeve)
    yield _limb(Label.FOREARM + side, fore_depth, (elbow, wrist), fore, unit, colors, look.sleeve - 1.0)
    palm = _radii(_HAND, body.girth)
    yield _limb(Label.HAND + side, hand_depth, (wrist, finger), palm, unit, (look.skin, look.skin), 1.0)


def leg_solids(bones: Skeleton, body: Proportions, look: Look, side: int) -> Iterator[Solid]:
    """Yield thigh, shin and shoe of one side (0 left, 1 right), in no particular order."""
    hip, knee, ankle, heel, toe = (
        joint[side] for joint in (bones.hips, bones.knees, bones.ankles, bones.heels, bones.toes)
    )
    unit, cloth = bones.scale, look.looseness
    covered = 0.0 if look.wears_skirt else look.leg
    thigh = _radii(_THIGH, body.girth, cloth * (covered > 0.1), 1.2 * cloth * (covered > 0.6))
    shin = _radii(_SHIN, body.girth, 1.2 * cloth * (covered > 1.5), 1.5 * cloth * (covered > 1.5))
    colors = (look.bottom_color, look.skin)
    shin_depth = calf_depth(bones, side)
    yield _limb(Label.THIGH + side, thigh_depth(bones, side), (hip, knee), thigh, unit, colors, covered)
    yield _limb(Label.SHIN + side, shin_depth, (knee, ankle), shin, unit, colors, covered - 1.0)
    first, last = _radii(_SHOE, body.girth**0.5)
    shoe = (first * unit, last * unit)
    instep = capsule(ankle, ankle, shoe[0], shoe[0])
    outline = np.concatenate([capsule(heel, toe, *shoe), instep])
    depth = shin_depth + np.copysign(0.003 * unit, toe[2] - heel[2])
    yield Tube(depth, Label.FOOT + side, heel, toe, shoe, (outline,), look.shoe_color)


def thigh_depth(bones: Skeleton, side: int) -> float:
    """Return the order of drawing of a thigh."""
    return float(0.6 * bones.hips[side, 2] + 0.4 * bones.knees[side, 2] + _LEG_FARTHER * bones.scale)


def calf_depth(bones: Skeleton, side: int) -> float:
    """Return the order of drawing of a shin."""
    return float(0.5 * (bones.knees[side, 2] + bones.ankles[side, 2]) + _LEG_FARTHER * bones.scale)


def _radii(
    bare: tuple[float, float], girth: float, first_cloth: float = 0.0, last_cloth: float = 0.0
) -> tuple[float, float]:
    return bare[0] * girth + first_cloth, bare[1] * girth + last_cloth


def _limb(
    label: int,
    depth: float,
    ends: tuple[Array, Array],
    radii: tuple[float, float],
    unit: float,
    colors: tuple[Color, Color],
    covered: float,
) -> Tube:
    """Return a limb in the first colour, from ``covered`` of its length on in the second."""
    in_pixels = (radii[0] * unit, radii[1] * unit)
    outline = capsule(*ends, *in_pixels)
    return Tube(depth, label, *ends, in_pixels, (outline,), *colors, pattern=_cut(covered))


def _cut(share: float) -> Pattern | None:
    if share >= 1.0:
        return None
    return lambda along, across: np.clip((along - np.float32(share)) * 30.0 + 0.5, 0.0, 1.0)

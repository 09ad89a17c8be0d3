"""The solids of trunk and neck of one person and of what is worn there, from its joints and its look."""

import itertools
from collections.abc import Iterator

import numpy as np

from evopose2d.data.synthetic.canvas import Color, Image, Label, Points
from evopose2d.data.synthetic.limbs import calf_depth, thigh_depth
from evopose2d.data.synthetic.skeleton import Array, Proportions, Skeleton
from evopose2d.data.synthetic.solids import Ball, Mark, Pattern, Solid, Tube, capsule, section
from evopose2d.data.synthetic.wardrobe import Look, Top, darker

# Corrections of the order of drawing, in body heights: hips lie under the shirt, the neck under the collar.
_PELVIS_FARTHER, _NECK_FARTHER = -0.06, -0.02
# Half the depth, front to back, of hips, waist and chest, in body heights.
_HIP_DEPTH, _WAIST_DEPTH, _CHEST_DEPTH = 0.062, 0.056, 0.064
_NECK = 0.031


def trunk_solids(bones: Skeleton, body: Proportions, look: Look) -> Iterator[Solid]:
    """Yield pelvis, chest, neck, skirt and backpack, in no particular order."""
    unit, wide = bones.scale, _width(body)
    depth = float(0.4 * bones.waist[2] + 0.6 * bones.neck[2])
    rings = _rings(bones, body, look)
    hip, belly, waist = rings[:3]
    pelvis_depth = float(bones.pelvis[2]) + _PELVIS_FARTHER * unit
    radius = 0.09 * wide * unit
    trousers = (np.concatenate([hip, belly]), np.concatenate([belly, waist]))
    ends = bones.pelvis, bones.waist
    yield Tube(pelvis_depth, Label.PELVIS, *ends, (radius, radius), trousers, look.bottom_color)
    levels = [belly if look.tucked else hip, *rings[2:]]
    shirt = tuple(np.concatenate(pair) for pair in itertools.pairwise(levels))
    ends, colors = (bones.pelvis, bones.neck), (look.top_color, look.top_second)
    yield Tube(depth, Label.TORSO, *ends, (radius, 0.115 * wide * unit), shirt, *colors, _cloth(look))
    yield from _front(bones, body, look, depth + 0.01 * unit)
    yield _neck(bones, body, look, depth)
    if look.wears_skirt:
        yield _skirt(bones, body, look)
    if look.backpack is not None:
        yield _backpack(bones, body, look.backpack)


def _width(body: Proportions) -> float:
    return body.girth**0.6


def _rings(bones: Skeleton, body: Proportions, look: Look) -> list[Points]:
    """Return the trunk's outlines, (N, 3) each, at hips, belly, waist, chest, shoulders and collar."""
    unit, wide, cloth = bones.scale, _width(body), look.looseness

    def ring(center: Array, frame: Array, half_width: float, half_depth: float) -> Points:
        across, ahead = frame[:, 0] * (half_width + cloth), frame[:, 2] * (half_depth + cloth)
        return section(center, across * unit, ahead * unit)

    pelvis, chest = bones.pelvis_frame, bones.chest_frame
    breast = 0.35 * bones.waist + 0.65 * bones.neck
    return [
        ring(bones.pelvis - 0.015 * unit * pelvis[:, 1], pelvis, (body.hip + 0.046) * wide, _HIP_DEPTH * wide),
        ring(bones.pelvis + 0.05 * unit * pelvis[:, 1], pelvis, (body.hip + 0.038) * wide, _HIP_DEPTH * wide),
        ring(bones.waist, chest, (body.hip + 0.02) * wide, _WAIST_DEPTH * wide),
        ring(breast, chest, body.shoulder * 0.9 * wide**0.8, _CHEST_DEPTH * wide),
        ring(bones.neck - 0.012 * unit * chest[:, 1], chest, body.shoulder - 0.012, 0.034),
        ring(bones.neck + 0.014 * unit * chest[:, 1], chest, 0.034, 0.03),
    ]


def _neck(bones: Skeleton, body: Proportions, look: Look, trunk_depth: float) -> Solid:
    top = bones.neck + 0.75 * (bones.head - bones.neck)
    depth = min(0.5 * float(bones.neck[2] + bones.head[2]), trunk_depth) + _NECK_FARTHER * bones.scale
    radius = _NECK * body.girth**0.5 * bones.scale
    outline = (capsule(bones.neck, top, 1.1 * radius, radius),)
    return Tube(depth, Label.NECK, bones.neck, top, (radius, radius), outline, darker(look.skin, 0.93))


def _cloth(look: Look) -> Pattern | None:
    """Return the pattern of a top: along runs from hip to neck, across from side to side."""

    def stripes(along: Image, across: Image) -> Image:
        return np.clip(np.sin(along * 44.0) * 4.0 + 0.5, 0.0, 1.0)

    def blocks(along: Image, across: Image) -> Image:
        return np.clip((along - 0.62) * 25.0 + 0.5, 0.0, 1.0)

    def checks(along: Image, across: Image) -> Image:
        return np.clip(np.sin(along * 36.0) * np.sin(across * 9.0) * 5.0 + 0.5, 0.0, 1.0) * 0.6

    return {Top.STRIPES: stripes, Top.BLOCKS: blocks, Top.CHECKS: checks}.get(look.top)


def _front(bones: Skeleton, body: Proportions, look: Look, depth: float) -> Iterator[Solid]:
    """Yield what marks the front of a chest, where it can be seen: neckline, buttons or an open jacket."""
    left, up, forward = bones.chest_frame.T * bones.scale
    if forward[2] < 0.15 * bones.scale:
        return
    wide = _width(body)
    throat = bones.neck + 0.035 * forward
    breast = bones.neck - 0.10 * up + _CHEST_DEPTH * wide * forward
    belly = bones.waist + _WAIST_DEPTH * wide * forward
    hem = bones.pelvis + _HIP_DEPTH * wide * bones.scale * bones.pelvis_frame[:, 2]
    if look.top is Top.JACKET:
        yield from _opening((throat, breast, belly, hem), (0.03, 0.024, 0.02, 0.024), left, depth, look)
    elif look.top is Top.PLAIN and look.sleeve > 1.5:
        below_throat, size = throat - 0.05 * up, 0.007 * bones.scale
        for start, end in ((below_throat, breast), (breast, belly)):
            for share in (0.1, 0.55):
                spot = start + share * (end - start)
                yield Mark(depth, capsule(spot, spot, size, size), look.top_second)
    rim, tip = throat + 0.014 * up, throat - 0.05 * up + 0.02 * forward
    neckline = np.stack([rim + 0.033 * left, rim - 0.033 * left, tip])
    yield Mark(depth + 0.001 * bones.scale, neckline, darker(look.skin, 0.97))


def _opening(
    levels: tuple[Array, ...], half_widths: tuple[float, ...], left: Array, depth: float, look: Look
) -> Iterator[Solid]:
    """Yield the strip of shirt that an open jacket shows, from level to level."""
    edges = [
        np.stack([level + half * left, level - half * left]) for level, half in zip(levels, half_widths, strict=True)
    ]
    for upper, lower in itertools.pairwise(edges):
        yield Mark(depth, np.concatenate([upper, lower]), look.top_second)


def _skirt(bones: Skeleton, body: Proportions, look: Look) -> Solid:
    unit, wide = bones.scale, _width(body)
    left, up, forward = bones.pelvis_frame.T * (wide * unit)
    top = section(bones.pelvis + 0.06 * up / wide, left * 0.094, forward * 0.066)
    hips = section(bones.pelvis, left * 0.104, forward * 0.075)
    hems = [_hem(bones, look.leg, side, 0.062 * wide * unit) for side in (0, 1)]
    # In front of both legs, the shins too: a skirt hides the knees that it reaches.
    depth = max(order(bones, side) for order in (thigh_depth, calf_depth) for side in (0, 1)) + 0.002 * unit
    return Tube(
        depth,
        Label.SKIRT,
        bones.pelvis,
        np.concatenate(hems).mean(0),
        (0.1 * wide * unit, 0.14 * wide * unit),
        (np.concatenate([top, hips]), np.concatenate([hips, *hems])),
        look.bottom_color,
        roughness=0.06,
    )


def _hem(bones: Skeleton, length: float, side: int, radius: float) -> Points:
    """Return the points of one leg that a skirt is stretched over; ``length`` as ``Look.leg``."""
    hip, knee, ankle = bones.hips[side], bones.knees[side], bones.ankles[side]
    if length <= 1.0:
        end = hip + length * (knee - hip)
        return capsule(end, end, radius, radius)
    return capsule(knee, knee + (length - 1.0) * (ankle - knee), radius, radius)


def _backpack(bones: Skeleton, body: Proportions, color: Color) -> Solid:
    left, up, forward = bones.chest_frame.T * bones.scale
    center = 0.4 * bones.waist + 0.6 * bones.neck - 0.085 * _width(body) * forward
    axes = np.stack([0.085 * left, 0.115 * up, 0.05 * forward], 1)
    return Ball(float(center[2]), Label.LUGGAGE, center, axes, color)

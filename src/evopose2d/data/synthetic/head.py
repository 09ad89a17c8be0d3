"""The solids of a head: face, hair, ears; and where its five keypoints lie."""

from collections.abc import Iterator

import numpy as np

from evopose2d.data.synthetic.canvas import Color, Image, Label
from evopose2d.data.synthetic.skeleton import Array, Proportions, Skeleton
from evopose2d.data.synthetic.solids import Ball, Mark, Skin, Solid, capsule
from evopose2d.data.synthetic.wardrobe import Hair, Look, darker

# Directions on the head's surface (left, up, forward), of length 1 on it, more above it.
_EYE = (0.40, 0.08, 0.90)
_NOSE = (0.0, -0.14, 1.10)
_MOUTH = (0.0, -0.50, 0.86)
_EAR = (1.06, -0.06, -0.08)
_WHITE: Color = (240.0, 240.0, 238.0)
_SMALL_FACE = 4.0  # pixels from its centre to its top: of a smaller one only the dots of the eyes are drawn


def head_axes(bones: Skeleton, body: Proportions) -> Array:
    """Return the half axes of the head's ellipsoid on the screen, (3, 3), columns left, up and forward."""
    half = 0.5 * body.head * bones.scale
    return np.asarray(bones.head_frame * (0.77 * half, half, 0.88 * half))


def face_keypoints(bones: Skeleton, body: Proportions) -> Array:
    """Return nose, left eye, right eye, left ear, right ear on the screen, (5, 3)."""
    (ex, ey, ez), (ax, ay, az) = _EYE, _EAR
    surface = np.array([_NOSE, (ex, ey, ez), (-ex, ey, ez), (ax, ay, az), (-ax, ay, az)])
    return np.asarray(bones.head + surface @ head_axes(bones, body).T)


def face_turned(bones: Skeleton) -> tuple[bool, bool, bool, bool, bool]:
    """Return for nose, eyes and ears whether that side of the head is turned to the viewer."""
    left, up, forward = bones.head_frame[2]

    def seen(direction: tuple[float, float, float], least: float) -> bool:
        return float(np.dot((left, up, forward), direction)) > least

    ex, ey, ez = _EYE
    return (
        bool(forward > -0.05),
        seen((ex, ey, ez), 0.1),
        seen((-ex, ey, ez), 0.1),
        seen((1.0, 0.0, -0.1), -0.45),
        seen((-1.0, 0.0, -0.1), -0.45),
    )


def covers_ears(look: Look) -> bool:
    """Return whether the hair hides the ears."""
    return look.hair is Hair.LONG


def head_solids(bones: Skeleton, body: Proportions, look: Look) -> Iterator[Solid]:
    """Yield the solids of the head, in no particular order."""
    axes = head_axes(bones, body)
    half = 0.5 * body.head * bones.scale
    depth = float(bones.head[2]) + 0.05 * bones.scale
    yield Ball(depth, Label.HEAD, bones.head, axes, look.skin, _scalp(look, half), 0.02)
    yield from _face(bones, axes, look, depth, half)
    if not covers_ears(look):
        yield from _ears(bones, axes, look, depth)
    yield from _hair(bones, axes, look, depth)


def _scalp(look: Look, half: float) -> Skin | None:
    """Return where hair, cap or beard covers the head; None for nowhere."""
    sharpness = np.float32(max(half, 2.0) * 0.9)

    def region(normals: Image) -> tuple[Image, Color]:
        side, up, ahead = normals
        if look.hair is Hair.CAP:
            cover = up - 0.12 * np.abs(side) - np.float32(0.36)
            return np.clip(cover * sharpness + 0.5, 0.0, 1.0), look.cap_color
        limit = {Hair.SHORT: 0.16, Hair.LONG: -0.02, Hair.TAIL: 0.1, Hair.BUN: 0.1, Hair.BALD: 1.6}[look.hair]
        cover = 0.95 * up - 0.85 * ahead - np.float32(limit)
        if look.hair is Hair.LONG:
            cover = np.maximum(cover, 0.9 * np.abs(side) - ahead - np.float32(0.2))
        if look.beard:
            cover = np.maximum(cover, np.minimum(-0.42 - up, ahead - 0.1))
        return np.clip(cover * sharpness + 0.5, 0.0, 1.0), look.hair_color

    return None if look.hair is Hair.BALD and not look.beard else region


def _face(bones: Skeleton, axes: Array, look: Look, depth: float, half: float) -> Iterator[Solid]:
    left, up, forward = bones.head_frame[2]
    tip = bones.head + axes @ (0.0, -0.14, 0.98)
    nose = axes * (0.18, 0.21, 0.22)
    behind = forward < -0.05
    yield Ball(depth + (-0.002 if behind else 0.004) * bones.scale, Label.NOSE, tip, nose, darker(look.skin, 1.04))
    for sign in (1.0, -1.0):
        direction = np.array(_EYE) * (sign, 1.0, 1.0)
        turn = float(np.dot((left, up, forward), direction))
        if turn > 0.1:
            yield from _eye(bones.head + axes @ direction, bones, look, depth, half, min(1.0, 0.35 + turn))
    if forward > 0.1 and half > _SMALL_FACE:
        mouth = bones.head + axes @ _MOUTH
        corners = [mouth + axes @ (sign * 0.26, 0.05, -0.08) for sign in (1.0, -1.0)]
        lower = mouth + axes @ (0.0, -0.07, 0.0)
        yield Mark(depth + 0.003 * bones.scale, np.stack([*corners, lower, mouth]), (150.0, 66.0, 62.0), 0.85)


def _eye(spot: Array, bones: Skeleton, look: Look, depth: float, half: float, open_share: float) -> Iterator[Solid]:
    left, up = bones.head_frame[:, 0] * half, bones.head_frame[:, 1] * half
    above = depth + 0.002 * bones.scale
    radius = max(0.09 * half, 0.6)
    yield Mark(above + 0.0005 * bones.scale, capsule(spot, spot, radius, radius), (34.0, 26.0, 24.0))
    if half < _SMALL_FACE:
        return
    wide = 0.2 * open_share
    white = np.stack([spot + wide * left, spot - wide * left, spot + 0.115 * up, spot - 0.115 * up])
    yield Mark(above, white, _WHITE)
    brow = spot + 0.25 * up
    ends = brow + 0.19 * open_share * left, brow - 0.19 * open_share * left
    yield Mark(above, capsule(*ends, 0.035 * half, 0.035 * half), darker(look.hair_color, 0.8), 0.9)


def _ears(bones: Skeleton, axes: Array, look: Look, depth: float) -> Iterator[Solid]:
    for sign in (1.0, -1.0):
        center = bones.head + axes @ (np.array(_EAR) * (sign, 1.0, 1.0))
        nearer = 0.003 if center[2] > bones.head[2] + 0.01 * bones.scale else -0.003
        yield Ball(
            depth + nearer * bones.scale,
            Label.EAR + (0 if sign > 0 else 1),
            center,
            axes * (0.13, 0.24, 0.17),
            darker(look.skin, 0.95),
        )


def _hair(bones: Skeleton, axes: Array, look: Look, depth: float) -> Iterator[Solid]:
    """Yield what stands off the head: long hair down the back, a tail, a bun, the brim of a cap."""
    backward = -bones.head_frame[2, 2]
    if look.hair is Hair.LONG:
        center = bones.head + axes @ (0.0, -0.55, -0.45)
        order = depth + (0.03 if backward > 0.15 else -0.06) * bones.scale
        yield Ball(order, Label.HAIR, center, axes * (1.12, 1.15, 0.72), look.hair_color, roughness=0.06)
    elif look.hair in (Hair.TAIL, Hair.BUN):
        tail = look.hair is Hair.TAIL
        center = bones.head + axes @ ((0.0, -0.35, -1.12) if tail else (0.0, 0.55, -0.95))
        size = (0.3, 0.75, 0.3) if tail else (0.42, 0.36, 0.42)
        order = depth + (0.02 if backward > 0.0 else -0.06) * bones.scale
        yield Ball(order, Label.HAIR, center, axes * size, look.hair_color, roughness=0.06)
    elif look.hair is Hair.CAP:
        center = bones.head + axes @ (0.0, 0.42, 0.95)
        order = depth + (-0.004 if backward > 0.1 else 0.006) * bones.scale
        yield Ball(order, Label.HEAD, center, axes * (0.72, 0.1, 0.62), darker(look.cap_color, 0.85))

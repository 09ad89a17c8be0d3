"""Skeletons: which keypoints a drawn limb joins. Nothing but drawing needs them."""

from collections.abc import Sequence
from typing import Any

Limb = tuple[int, int]


def read_skeleton(value: Any, names: Sequence[str]) -> tuple[tuple[Limb, ...], str | None]:  # noqa: ANN401 - any JSON
    """Read the skeleton of a category; what cannot be one is dropped, for it is a hint for drawing.

    Pairs may be numbers from 1, as COCO counts, numbers from 0, or names.

    Args:
        value: the category's ``skeleton``, any JSON value.
        names: of the K keypoints.

    Returns:
        Pairs of indices from 0, and what was dropped and why; None: nothing.
    """
    if value is None or value == []:
        return (), None
    if not isinstance(value, list):
        return (), "skeleton is no list of pairs and is left out"
    pairs = [_pair(limb, names) for limb in value]
    numbered = [pair for pair in pairs if pair is not None]
    if numbered and min(map(min, numbered)) == 0:
        first = 0
    elif any(max(pair) > len(names) for pair in numbered):
        return (), f"skeleton joins other keypoints than the {len(names)} that are named and is left out"
    else:
        first = 1
    limbs = [(a - first, b - first) for a, b in numbered if a != b and max(a, b) - first < len(names)]
    dropped = len(value) - len(limbs)
    if dropped:
        return tuple(limbs), f"skeleton: {dropped} of {len(value)} entries are no pairs of keypoints and are left out"
    return tuple(limbs), "skeleton counts keypoints from 0 and is taken so" if first == 0 else None


def _pair(limb: Any, names: Sequence[str]) -> Limb | None:  # noqa: ANN401 - any JSON value
    """Return the numbers of the keypoints that a limb joins, as the file counts; names count from 1."""
    if not isinstance(limb, list) or len(limb) != 2:
        return None
    ends = [names.index(end) + 1 if isinstance(end, str) and end in names else end for end in limb]
    if any(isinstance(end, bool) or not isinstance(end, int) or end < 0 for end in ends):
        return None
    return ends[0], ends[1]

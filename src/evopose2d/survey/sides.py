"""Left and right exchanged: told by the other keypoints of a person, where these agree in most people."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evopose2d.keypoints import KeypointSchema

_PEOPLE = 10  # of whom both keypoints of a pair, and another pair, are labelled: fewer tell nothing
_AGREE = 0.95  # of the people, in whom a pair points where the person's other pairs point
_ALONG = 0.7  # cosine of the least angle to the other pairs that counts as one direction, or the opposite
_CLEAR = 0.5  # length of a sum of directions, of length 1 each, from which on it is one
_LENGTH = 0.05  # of the person's extent, that a pair's keypoints must be apart to tell a direction


def exchanged_sides(people: Sequence[NDArray[np.float64]], schema: KeypointSchema) -> list[tuple[int, str]]:
    """Return the people one of whose mirror pairs points the other way than their other pairs do.

    From right to left, the pairs of a person point in one direction, in most people: where a pair does so in nearly
    all people, the others are told. Crossed legs are told too.

    Args:
        people: (K, 3) x, y and visibility of each.
        schema: the keypoints.

    Returns:
        Index of the person, and the pairs' names, in order.
    """
    pairs = [(index, mirrored) for index, mirrored in enumerate(schema.flip_permutation) if index < mirrored]
    if len(pairs) < 2 or len(people) < _PEOPLE:
        return []
    first, second = (list(side) for side in zip(*pairs, strict=True))
    keypoints = np.stack(people)
    labelled = keypoints[..., 2] > 0
    extent = np.array(
        [
            np.ptp(each[seen, :2], axis=0).max() if seen.any() else 0.0
            for each, seen in zip(keypoints, labelled, strict=True)
        ]
    )
    across = keypoints[:, first, :2] - keypoints[:, second, :2]
    length = np.linalg.norm(across, axis=-1)
    known = labelled[:, first] & labelled[:, second] & (length > _LENGTH * extent[:, None])
    units = np.where(known[..., None], across / np.where(known, length, 1.0)[..., None], 0.0)
    total = units.sum(axis=1, keepdims=True)
    others = total - units
    size = np.linalg.norm(others, axis=-1)
    along = (units * others).sum(axis=-1)
    told = known & (size > _CLEAR) & (np.abs(along) > _ALONG * size)
    counted = told.sum(axis=0)
    agreeing = (told & (along > 0)).sum(axis=0)
    usual = (counted >= _PEOPLE) & (agreeing >= _AGREE * counted)
    # Of three pairs, one exchanged, the two that agree are right; of two, nothing tells which.
    against = told & usual & (along < 0) & ((units * total).sum(axis=-1) < _CLEAR)
    names = [f"{schema.names[a]} / {schema.names[b]}" for a, b in pairs]
    return [
        (int(index), ", ".join(name for name, wrong in zip(names, against[index], strict=True) if wrong))
        for index in np.flatnonzero(against.any(axis=1))
    ]

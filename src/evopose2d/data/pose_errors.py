"""Poses as other networks would get them wrong, made from labels, for a network that learns to refine.

Source: Moon et al., "PoseFix" (arXiv 1812.03595), section 3, with the probabilities and the rules of the authors'
code, after the error statistics of Ronchi and Perona (arXiv 1707.05388). Each keypoint is one of

- good: within a keypoint similarity (KS, the OKS of one keypoint) of 0.85 of its label;
- jitter: off by a KS of 0.85 to 0.5;
- miss: off by a KS of 0.5 to 0.1 from where it, its counterpart or another person's keypoint is;
- inversion: within a KS of 0.5 of its left or right counterpart;
- swap: within a KS of 0.5 of the same keypoint, or its counterpart, of a person whose box overlaps,

and nearer to what it is taken for than to what else it might be. How often each occurs depends on the kind of
keypoint, on how many of the person are labelled, and on how many people are near. A keypoint without label, whose
place the authors take from another network's results, lies about one of the person's labelled ones.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from evopose2d.keypoints import KeypointSchema
from evopose2d.keypoints.naming import meaning

NEAR = 0.1
"""Intersection over union of the boxes of two people from which on their keypoints may be swapped."""

_GOOD, _JITTER, _MISS, _INVERSION, _SWAP = range(5)
_DRAWN = 16  # candidates of an error, of which the first that fits is taken
_ROUNDING = 1 - 1e-9  # two keypoints in one place are not in each other's way
_SIMILARITIES = (0.85, 0.5, 0.1)
# By error: the similarities between which it lies, as indices of them; -1: the place itself.
_LOW, _HIGH = np.array([-1, 0, 1, -1, -1]), np.array([0, 1, 2, 1, 1])
# By error: how often it lies about the keypoint's own place, its counterpart's, each one of other people.
_SHARES = np.array([[1, 0, 0], [1, 0, 0], [1, 0.25, 0.25], [0, 1, 0], [0, 0, 1]])

# Kinds of keypoints: by the words of their names.
_NOSE, _FACE, _SHOULDER, _ARM, _HIP, _KNEE, _ANKLE = range(7)
_KINDS = {
    "nose": _NOSE, "eye": _FACE, "ear": _FACE, "shoulder": _SHOULDER, "elbow": _ARM, "wrist": _ARM, "hip": _HIP,
    "knee": _KNEE, "ankle": _ANKLE,
}  # fmt: skip
# By kind: nose, eye or ear, shoulder, elbow or wrist (and what is not named here), hip, knee, ankle.
_JITTERS = np.array([0.10, 0.15, 0.15, 0.15, 0.20, 0.10, 0.10])
_FEW_JITTERS = 0.05  # more, of a person with few labelled keypoints
_MISSES = {
    5: np.array([0.15, 0.15, 0.20, 0.25, 0.25, 0.25, 0.20]),
    10: np.array([0.10, 0.10, 0.13, 0.15, 0.15, 0.15, 0.13]),
}
_MISSES_OF_MANY = np.array([0.02, 0.02, 0.05, 0.10, 0.10, 0.10, 0.05])
_INVERSIONS = np.array([0.01, 0.01, 0.03, 0.03, 0.06, 0.06, 0.06])
_SWAPS = np.array([0.01, 0.01, 0.06, 0.06, 0.03, 0.03, 0.03])
_SWAPS_IN_CROWDS = np.array([0.02, 0.02, 0.15, 0.15, 0.10, 0.10, 0.10])
_LABELLED = 17  # keypoints of a person for which the numbers 5, 10 and 15 of labelled ones were told


def synthesise(
    rng: np.random.Generator,
    keypoints: NDArray[np.float32],
    near: NDArray[np.float32],
    area: float,
    schema: KeypointSchema,
    frequency: float = 1.0,
) -> NDArray[np.float32]:
    """Return a wrong pose of one person.

    Args:
        rng: draws the errors.
        keypoints: (K, 3) labels: x, y in pixels and visibility, 0 for those without.
        near: (M, K, 3) labels of the people whose boxes overlap (``NEAR``).
        area: of the person's box in square pixels.
        schema: of the keypoints.
        frequency: of errors, over the authors'; where they become more than certain, none is good.

    Returns:
        (K, 3) x, y in pixels, and 1 for a keypoint that is given, 0 for one that is not.
    """
    labelled = keypoints[:, 2] > 0
    pose = np.zeros_like(keypoints)
    if not labelled.any():
        return pose
    # A keypoint of similarity s is this far from its label; K by three similarities.
    variances = area * (2 * np.asarray(schema.sigmas)[:, None]) ** 2
    reach = np.sqrt(-2 * variances * np.log(_SIMILARITIES))
    places, there = _sources(keypoints, near, schema)
    probabilities = _probabilities(int(labelled.sum()), len(near), schema, frequency)
    waiting = np.flatnonzero(labelled)
    while len(waiting):
        ends = np.cumsum(probabilities[:, waiting], axis=0)
        errors = (rng.random(len(waiting)) * ends[-1] >= ends).sum(axis=0).clip(max=_SWAP)
        drawn, fits = _candidates(rng, errors, places[waiting], there[waiting], reach[waiting])
        chosen = drawn[np.arange(len(waiting)), fits.argmax(axis=1)]
        found = fits.any(axis=1)
        pose[waiting[found], :2], pose[waiting[found], 2] = chosen[found], 1
        # What cannot be is left out, so that the others are as probable beside each other as before.
        probabilities[errors[~found], waiting[~found]] = 0
        waiting = waiting[~found]
        waiting = waiting[probabilities[:, waiting].any(axis=0)]
    _guess(rng, pose, keypoints, reach[:, -1])
    return pose


def overlapping(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which of M boxes (M, 4) overlap a box (4,) by an intersection over union of ``NEAR`` or more."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:], axis=1) + np.prod(box[2:])
    return common >= NEAR * (areas - common)


def _sources(
    keypoints: NDArray[np.float32], near: NDArray[np.float32], schema: KeypointSchema
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what each keypoint can be taken for: places (K, S, 2), and which there are (K, S).

    They are the keypoint's own, that of its counterpart, those of other people, and those of their counterparts.
    """
    paired = np.asarray(schema.flip_permutation)
    whole = np.concatenate([keypoints[None], keypoints[None, paired], near, near[:, paired]]).swapaxes(0, 1)
    there = whole[..., 2] > 0
    unpaired = paired == np.arange(schema.count)
    there[unpaired, 1] = False
    there[unpaired, 2 + len(near) :] = False
    return whole[..., :2].astype(np.float64), there


def _candidates(
    rng: np.random.Generator,
    errors: NDArray[np.int64],
    places: NDArray[np.float64],
    there: NDArray[np.bool_],
    reach: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw places (P, C, 2) of keypoints with an error each, and tell which of them fit (P, C).

    Args:
        rng: draws them.
        errors: (P,) of each.
        places: (P, S, 2) what each can be taken for.
        there: (P, S) whether there is such a place.
        reach: (P, 3) distances of the similarities.
    """
    count, sources = there.shape
    low = reach[np.arange(count), _LOW[errors]] * (_LOW[errors] >= 0)
    high = reach[np.arange(count), _HIGH[errors]]
    ends = np.cumsum(_SHARES[errors][:, np.minimum(np.arange(sources), 2)] * there, axis=1)
    total = ends[:, -1:]
    picked = (rng.random((count, _DRAWN, 1)) * total[..., None] >= ends[:, None]).sum(axis=2).clip(max=sources - 1)
    angle = rng.uniform(0, 2 * np.pi, picked.shape)
    radius = low[:, None] + (high - low)[:, None] * rng.random(picked.shape)
    drawn = places[np.arange(count)[:, None], picked]
    drawn += radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # Nothing else may be nearer than what it is taken for; a miss is far from all.
    margin = np.where((errors == _MISS)[:, None], reach[:, 1:2], radius)
    others = there[:, None] & (np.arange(sources) != picked[..., None])
    others[errors == _SWAP, :, 2:] = False
    squared = ((drawn[:, :, None] - places[:, None]) ** 2).sum(axis=-1)
    return drawn, (total > 0) & (~others | (squared >= _ROUNDING * margin[..., None] ** 2)).all(axis=-1)


@cache
def _kinds(names: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([_KINDS.get(meaning(name)[1], _ARM) for name in names])


def _probabilities(labelled: int, near: int, schema: KeypointSchema, frequency: float) -> NDArray[np.float64]:
    """Return the probability (5, K) of each error of each keypoint.

    Args:
        labelled: how many keypoints of the person are.
        near: how many people are near.
        schema: of the keypoints.
        frequency: of errors, over the authors'.
    """
    kinds = _kinds(schema.names)
    share = labelled * _LABELLED / schema.count
    jitter = _JITTERS + (_FEW_JITTERS if share <= 10 else 0)
    miss = next((misses for most, misses in _MISSES.items() if share <= most), _MISSES_OF_MANY)
    crowded = (share <= 10 and near > 0) or (share <= 15 and near >= 3)
    wrong = frequency * np.stack([jitter, miss, _INVERSIONS, _SWAPS_IN_CROWDS if crowded else _SWAPS])[:, kinds]
    return np.concatenate([(1 - wrong.sum(axis=0, keepdims=True)).clip(min=0), wrong])


def _guess(
    rng: np.random.Generator,
    pose: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    reach: NDArray[np.float64],
) -> None:
    """Put keypoints without label about labelled ones: networks give a place for each."""
    missing = np.flatnonzero(keypoints[:, 2] == 0)
    about = rng.choice(np.flatnonzero(keypoints[:, 2] > 0), len(missing))
    angle, radius = rng.uniform(0, 2 * np.pi, len(missing)), reach[missing] * rng.random(len(missing))
    offset = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    pose[missing] = np.concatenate([keypoints[about, :2] + offset, np.ones((len(missing), 1))], axis=1)


def given_as_labelled(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return labels (..., K, 3) as a pose without errors: x, y, and 1 for a labelled keypoint."""
    return np.concatenate([keypoints[..., :2], keypoints[..., 2:] > 0], axis=-1).astype(np.float32)


def seeds(drawn: NDArray[np.float64], people: NDArray[np.int64], seed: int) -> Sequence[Sequence[int]]:
    """Return what seeds the errors of each of P people: in training what was drawn for them, else who they are.

    Args:
        drawn: (P, 6) what changes their crops in an epoch of training; empty in an evaluation.
        people: (P,) their numbers.
        seed: of an evaluation.
    """
    return drawn.view(np.uint64).tolist() if len(drawn) else [(seed, person) for person in people.tolist()]

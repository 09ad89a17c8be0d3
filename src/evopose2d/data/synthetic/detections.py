"""Person detections as an imperfect detector would give them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from evopose2d.data.synthetic.annotation import PERSON_CATEGORY

_MISSED_SHARE, _MISSED_SMALL_SHARE, _SMALL = 0.05, 0.3, 40.0
_DUPLICATE_SHARE = 0.18
_FALSE_POSITIVES = 0.8
_LEAST_SIDE = 3.0


def sample_detections(
    rng: Generator, boxes: Sequence[Sequence[float]], height: int, width: int
) -> list[dict[str, Any]]:
    """Draw detections of one picture: people found roughly, twice or not at all, and things that are none.

    Args:
        rng: chooses everything.
        boxes: x, y, width, height of each person.
        height: of the picture.
        width: of the picture.

    Returns:
        Entries of a COCO results file but for ``image_id``, best scores first.
    """
    found = []
    for box in boxes:
        missed = _MISSED_SMALL_SHARE if box[2] * box[3] < _SMALL**2 else _MISSED_SHARE
        if rng.random() < missed:
            continue
        certainty = float(np.clip(rng.normal(0.78, 0.16), 0.15, 0.98))
        found.append((_shaken(rng, box, 0.02 + 0.13 * (1.0 - certainty)), certainty + 0.02 * rng.random()))
        if rng.random() < _DUPLICATE_SHARE:
            found.append((_shaken(rng, box, 0.16), 0.45 * certainty * rng.uniform(0.3, 1.0)))
    for _ in range(rng.poisson(_FALSE_POSITIVES)):
        tall = rng.uniform(0.15, 0.9) * height
        wide = tall * rng.uniform(0.25, 0.9)
        corner = rng.uniform((-0.1, -0.1), (0.9, 0.9)) * (width, height)
        found.append((np.array((*corner, wide, tall)), float(rng.beta(1.3, 5.0))))
    clipped = [(_clipped(box, height, width), score) for box, score in found]
    entries = [
        {"category_id": PERSON_CATEGORY["id"], "bbox": box, "score": round(score, 4)}
        for box, score in clipped
        if min(box[2:]) >= _LEAST_SIDE
    ]
    return sorted(entries, key=lambda entry: -float(entry["score"]))


def _shaken(rng: Generator, box: Sequence[float], deviation: float) -> np.ndarray:
    """Move each edge of a box by a normal share of its width or height."""
    left, top, width, height = box
    edges = np.array((left, top, left + width, top + height))
    edges += rng.normal(0.0, deviation, 4) * (width, height, width, height)
    return np.array((edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]))


def _clipped(box: np.ndarray, height: int, width: int) -> list[float]:
    left, top = np.clip(box[:2], 0, (width, height))
    right, bottom = np.clip(box[:2] + box[2:], 0, (width, height))
    return [round(float(value), 2) for value in (left, top, right - left, bottom - top)]

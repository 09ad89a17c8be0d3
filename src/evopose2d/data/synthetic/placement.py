"""Where people stand in a picture, how large, and which of them is nearer."""

import numpy as np
from numpy.random import Generator

from evopose2d.data.synthetic.canvas import Ground
from evopose2d.data.synthetic.figure import Placement

_COUNTS, _COUNT_SHARES = (1, 2, 3, 4, 5, 6), (0.2, 0.29, 0.26, 0.14, 0.07, 0.04)
_CLOSE_SHARE, _CLOSE_SIZES = 0.06, (1.15, 1.6)
_STANDING_SIZES = (0.48, 0.95)
_STANDING_SIZES_OF_MANY = (0.4, 0.62)
_MANY = 5
_CUT_SHARE, _ANYWHERE_SHARE = 0.06, 0.14
_CROWD_SHARE, _CROWD_COUNTS, _CROWD_SIZES = 0.06, (6, 12), (0.07, 0.13)


def sample_places(rng: Generator, ground: Ground) -> list[Placement]:
    """Choose places for one to six people, far (small) ones first."""
    count = int(rng.choice(_COUNTS, p=_COUNT_SHARES))
    limits = _STANDING_SIZES_OF_MANY if count >= _MANY else _STANDING_SIZES
    sizes = rng.uniform(*limits, count)
    if rng.random() < _CLOSE_SHARE * count / 2:
        sizes[0] = rng.uniform(*_CLOSE_SIZES)
    pitch, steepness = rng.uniform(0.0, 0.28), rng.uniform(0.7, 1.2)
    columns: list[float] = []
    places = []
    for size in np.sort(sizes):
        scale = float(size * ground.height)
        columns.append(_free_column(rng, columns, scale, ground))
        y = ground.horizon + steepness * scale * rng.normal(1.0, 0.04)
        if size < 1.0 and rng.random() > _CUT_SHARE:
            y = min(y, ground.height * rng.uniform(0.93, 0.995))
        elif size > 1.0:
            y = ground.height * rng.uniform(0.05, 0.25) + scale
        places.append(Placement(columns[-1], float(y), scale, float(pitch)))
    return places


def _free_column(rng: Generator, taken: list[float], scale: float, ground: Ground) -> float:
    """Choose x: mostly whole in the picture and the freest of a few places, at times any.

    So some people hide others, and some are cut by the border.
    """
    anywhere = rng.random() < _ANYWHERE_SHARE
    margin = 0.0 if anywhere else min(0.22 * scale, 0.3 * ground.width)
    candidates = rng.uniform(margin, ground.width - margin, 1 if anywhere else 8)
    if not taken:
        return float(candidates[0])
    distances = np.abs(candidates[:, None] - np.array(taken)).min(1)
    return float(candidates[distances.argmax()])


def sample_crowd(rng: Generator, ground: Ground) -> list[Placement]:
    """Choose places for the tiny people of a far-off group: mostly none."""
    if rng.random() > _CROWD_SHARE:
        return []
    count = int(rng.integers(*_CROWD_COUNTS))
    scales = np.sort(rng.uniform(*_CROWD_SIZES) * rng.normal(1.0, 0.08, count)) * ground.height
    middle, spread = rng.uniform(0.15, 0.85) * ground.width, rng.uniform(0.6, 1.6) * scales.mean()
    foot = ground.horizon + 0.55 * scales.mean()
    return [
        Placement(float(rng.normal(middle, spread)), float(foot + rng.normal(0.0, 0.1) * scale), float(scale), 0.1)
        for scale in scales
    ]

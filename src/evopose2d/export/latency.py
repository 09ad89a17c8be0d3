"""How long a prediction takes in a runtime: repeated until the time is stable."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_WARM_UP = 5
_BATCH, _BATCH_MS = 20, 50.0  # calls whose median is looked at, and how long they take at least
_AGREEING = 3  # medians in a row
_MOST_BATCHES = 40

TOLERANCE = 0.03
"""By how much medians may differ to agree, of the least of them: latencies are not told apart that are nearer."""


@dataclass(frozen=True)
class Latency:
    """How long a prediction takes.

    Attributes:
        milliseconds: the median.
        spread: from the first quartile to the third, in milliseconds; None where it was predicted.
        stable: whether the median had stopped to change when the measurement ended.
        relative_error: of a prediction, as that of half of the networks that were measured beside it is not
            greater; None where it was measured.
    """

    milliseconds: float
    spread: float | None
    stable: bool
    relative_error: float | None = None

    @classmethod
    def of(cls, samples: Sequence[float], *, stable: bool) -> "Latency":
        """Summarise times.

        Args:
            samples: in milliseconds, at least one.
            stable: as the attribute.
        """
        first, median, third = np.percentile(np.asarray(samples, dtype=np.float64), (25, 50, 75))
        return cls(float(median), float(third - first), stable)


def time_until_stable(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Latency:
    """Call something until the medians of three batches of calls in a row agree within 3 %, after a warm-up.

    Args:
        call: does one prediction, and returns when it is done.
        clock: gives seconds that only grow.

    Returns:
        Median and spread of the batches that agree; of the last three where none did in forty.
    """
    for _ in range(_WARM_UP):
        call()
    batches: list[list[float]] = []
    stable = False
    while not stable and len(batches) < _MOST_BATCHES:
        batches.append(_batch(call, clock))
        medians = [statistics.median(batch) for batch in batches[-_AGREEING:]]
        stable = len(medians) == _AGREEING and max(medians) - min(medians) <= TOLERANCE * min(medians)
    return Latency.of([each for batch in batches[-_AGREEING:] for each in batch], stable=stable)


def measure_file(name: str, path: Path, input_shape: Sequence[int], threads: int) -> Latency:
    """Measure an exported network on one crop, or a part of one on features.

    Args:
        name: of its format, one of ``FORMATS``.
        path: the file.
        input_shape: (H, W, C) of what it reads.
        threads: that the runtime computes with.
    """
    from evopose2d.export.formats import FORMATS

    runner = FORMATS[name].runner(path, threads)
    crop = np.random.default_rng(0).integers(0, 255, (1, *input_shape), np.uint8)
    return time_until_stable(lambda: runner(crop))


def _batch(call: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    taken: list[float] = []
    while len(taken) < _BATCH or sum(taken) < _BATCH_MS:
        taken.append(_milliseconds(call, clock))
    return taken


def _milliseconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    begun = clock()
    call()
    return 1000 * (clock() - begun)

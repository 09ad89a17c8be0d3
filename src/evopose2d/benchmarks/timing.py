"""Repeated calls, timed one by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Timing:
    """How long calls took, in seconds.

    Attributes:
        first: the first call, in which things are compiled and loaded.
        calls: (R,) float64 the timed calls, after those of the warm-up.
    """

    first: float
    calls: NDArray[np.float64]

    def percentile(self, percent: float) -> float:
        """Return the time that this share of the calls did not exceed."""
        return float(np.percentile(self.calls, percent))

    def rate(self, units: int) -> float:
        """Return units a second where each call does so many."""
        return units * len(self.calls) / float(self.calls.sum())


def time_calls(
    call: Callable[[], object],
    *,
    repeats: int,
    warm_up: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Call something again and again.

    Args:
        call: must return when its work is done, not when it is queued on a device.
        repeats: calls that are timed, at least 1.
        warm_up: calls before them, at least 1; the first is timed by itself.
        clock: gives the time in seconds.
    """

    def timed() -> float:
        start = clock()
        call()
        return clock() - start

    first = timed()
    for _ in range(warm_up - 1):
        call()
    return Timing(first, np.array([timed() for _ in range(repeats)]))

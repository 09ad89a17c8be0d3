"""Variants of one piece of work, timed in turn, so that a machine's other work hits all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from evopose2d.benchmarks.timing import Timing


@dataclass(frozen=True)
class Comparison:
    """How fast one variant is.

    Attributes:
        variant: its name.
        median_s: seconds that half of the calls did not exceed.
        spread: difference of the third and the first quartile over the median.
        per_second: units of work a second at the median.
        ratio: how many times the baseline's speed: the median, over the rounds, of the baseline's seconds over
            this variant's in the same round.
        calls: timed calls.
    """

    variant: str
    median_s: float
    spread: float
    per_second: float
    ratio: float
    calls: int


def time_in_turn(
    variants: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    warm_up: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Call each variant once a round.

    Args:
        variants: each must return when its work is done.
        repeats: rounds that are timed, at least 1.
        warm_up: rounds before them, at least 1; the first call of each is timed by itself.
        clock: gives the time in seconds.
    """

    def timed(call: Callable[[], object]) -> float:
        start = clock()
        call()
        return clock() - start

    first = {name: timed(call) for name, call in variants.items()}
    for _ in range(warm_up - 1):
        for call in variants.values():
            call()
    rounds = [{name: timed(call) for name, call in variants.items()} for _ in range(repeats)]
    return {name: Timing(first[name], np.array([times[name] for times in rounds])) for name in variants}


def compare(timings: Mapping[str, Timing], *, units: int, baseline: str) -> list[Comparison]:
    """Hold timings of ``time_in_turn`` against those of a baseline.

    Args:
        timings: by variant, all of the same rounds.
        units: of work in one call, such as images.
        baseline: one of the variants.
    """
    return [
        Comparison(
            variant=name,
            median_s=timing.percentile(50),
            spread=(timing.percentile(75) - timing.percentile(25)) / timing.percentile(50),
            per_second=units / timing.percentile(50),
            ratio=float(np.median(timings[baseline].calls / timing.calls)),
            calls=len(timing.calls),
        )
        for name, timing in timings.items()
    ]

import itertools

import numpy as np
import pytest

from evopose2d.benchmarks.timing import time_calls


class Clock:
    """Time that passes in calls alone: so many seconds in each."""

    def __init__(self, *durations):
        self._durations = itertools.chain(durations, itertools.repeat(durations[-1]))
        self.now = 0.0
        self.calls = 0

    def __call__(self):
        return self.now

    def work(self):
        self.calls += 1
        self.now += next(self._durations)


def test_the_warm_up_is_told_apart():
    clock = Clock(9.0, 5.0, 1.0, 2.0, 3.0)

    timing = time_calls(clock.work, repeats=3, warm_up=2, clock=clock)

    assert timing.first == 9.0
    assert timing.calls.tolist() == [1.0, 2.0, 3.0]
    assert clock.calls == 5


def test_rate_and_percentiles():
    clock = Clock(1.0, *np.linspace(0.01, 1.0, 100))

    timing = time_calls(clock.work, repeats=100, warm_up=1, clock=clock)

    assert timing.rate(8) == pytest.approx(800 / np.linspace(0.01, 1.0, 100).sum())
    assert timing.percentile(50) == pytest.approx(0.505)
    assert timing.percentile(90) < timing.percentile(99) < 1.0

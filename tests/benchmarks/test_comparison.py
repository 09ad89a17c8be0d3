import pytest
from benchmarks.comparison import compare, time_in_turn


def test_variants_take_turns_and_are_held_against_the_baseline():
    now, order = [0.0], []

    def variant(name, seconds):
        def call():
            order.append(name)
            now[0] += seconds

        return call

    timings = time_in_turn(
        {"slow": variant("slow", 3.0), "fast": variant("fast", 1.5)}, repeats=3, warm_up=1, clock=lambda: now[0]
    )
    slow, fast = compare(timings, units=6, baseline="slow")

    assert order == ["slow", "fast"] * 4
    assert (slow.ratio, fast.ratio) == (1.0, 2.0)
    assert (fast.median_s, fast.per_second, fast.spread) == (1.5, pytest.approx(4.0), 0.0)

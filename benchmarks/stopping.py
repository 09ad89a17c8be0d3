"""What stopping children early is worth: two simulated searches over the same time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulated_search import SimulatedSearch
from evopose2d.config.schema import Params

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Comparison:
    """How far two searches had come by the same time; means over seeds.

    Attributes:
        hours: of all workers together since the ancestor was finished, on the simulated clock.
        without: best fitness with every child trained to its end.
        stopping: best fitness with children stopped early.
        individuals_without: finished by then.
        individuals_stopping: finished by then.
        better_in: share of the seeds in which stopping was ahead.
    """

    hours: float
    without: float
    stopping: float
    individuals_without: float
    individuals_stopping: float
    better_in: float


def compare_stopping(
    params: Params, search: Callable[[Params], SimulatedSearch], seeds: Sequence[int]
) -> list[Comparison]:
    """Run each seed's search without stopping and with it, and compare both at shares of the shorter one's time.

    Args:
        params: all settings, the way of stopping among them.
        search: simulates a search.
        seeds: of searches and their trainings, at least one.
    """
    rows = [list(_measured(params, search, seed)) for seed in seeds]
    table = np.array(rows)  # (seeds, shares, columns)
    means = table.mean(axis=0)
    ahead = (table[:, :, 2] < table[:, :, 1]).mean(axis=0)
    return [Comparison(*row) for row in np.column_stack([means, ahead]).tolist()]


def _measured(
    params: Params, search: Callable[[Params], SimulatedSearch], seed: int
) -> Iterator[tuple[float, float, float, int, int]]:
    searches = [
        search(replace(params, evolve=replace(params.evolve, seed=seed, stopping=stopping)))
        for stopping in ("none", params.evolve.stopping)
    ]
    start = searches[0].ended[0]
    until = min(each.hours for each in searches) * 3600 - start
    for share in SHARES:
        reached = [_reached(each, start + share * until) for each in searches]
        (without, individuals_without), (stopping, individuals_stopping) = reached
        yield share * until * searches[0].workers / 3600, without, stopping, individuals_without, individuals_stopping


def _reached(search: SimulatedSearch, seconds: float) -> tuple[float, int]:
    """Return the best fitness, and how many individuals were finished, by a time from the ancestor's end on."""
    finished = [each for each in search.population if search.ended[each.number] <= seconds]
    return min(each.fitness for each in finished if each.fitness is not None), len(finished)

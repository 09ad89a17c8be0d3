"""What a search would take, before anything is trained (``evopose2d evolve --plan``)."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.configuration import check_search, network_size
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.latency.gauge import reserved_processors
from evopose2d.evolution.results.finalists import FinalSettings
from evopose2d.evolution.results.population import Population, SearchSize
from evopose2d.evolution.results.progress import TimeLeft, duration
from evopose2d.evolution.working.engine import Engine, Lost
from evopose2d.evolution.working.timing import Timing, time_training
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.genotype import neighbours

_MOST_TIMED = 16  # workers that time a training side by side
_RESULT_BYTES = 4_000  # of an individual's other files, and of its trial in the journal


@dataclass(frozen=True)
class Plan:
    """What a search would take.

    Attributes:
        individuals: of the search.
        finals: trainings of its finals.
        workers: that train at once.
        seconds: from the first training's start to the last one's end.
        error: relative deviation that the seconds may have: from the steps that were timed, and from how much the
            networks one mutation away from the ancestor differ from it in multiply-adds.
        memory_bytes: greatest memory of a worker while steps were timed.
        disk_bytes: of the search's folder; MLflow keeps the weights once more.
    """

    individuals: int
    finals: int
    workers: int
    seconds: float
    error: float
    memory_bytes: int
    disk_bytes: int

    def rows(self) -> dict[str, Any]:
        """Return what is to be shown, by name."""
        low, high = (self.seconds * factor for factor in (1 / (1 + self.error), 1 + self.error))
        return {
            "individuals": str(self.individuals) + (f", then {self.finals} trainings of finals" if self.finals else ""),
            "individuals at once": self.workers,
            "time": f"about {duration(self.seconds)} ({duration(low)} to {duration(high)})",
            "memory of a worker": f"{self.memory_bytes / 1e9:.1f} GB as measured; larger children take more",
            "disk of the search": f"{self.disk_bytes / 1e6:.0f} MB, as large as the ancestor's weights each",
            "disk of MLflow": f"{self.disk_bytes / 1e6:.0f} MB and drawings",
        }


def plan_search(params: Params, *, engine: Callable[..., AbstractContextManager[Engine]] = ray_workers) -> Plan:
    """Time a few steps in as many workers as there would be, and work out what the search takes.

    Args:
        params: all settings.
        engine: opens what trains; takes the settings and the trainer.

    Raises:
        ConfigError, DataError: as a search raises them.
        SearchError: no worker could time a training.
    """
    check_search(params)
    keypoints = read_info(Path(params.write_tfrecords.root) / "train").schema.count
    with reserved_processors(params.evolve.latency), engine(params, time_training) as workers:
        slots = max(1, workers.slots)
        timings = _timings(params, workers, min(slots, _MOST_TIMED))
    epoch = float(np.mean([each.epoch_seconds for each in timings]))
    first, later = (
        float(np.mean([getattr(each, name) for each in timings])) for name in ("first_start", "later_start")
    )
    left = TimeLeft(params.evolve)
    left.learn_pace(epoch)
    nobody, size = Population(), SearchSize.of(params.evolve)
    seconds = left.seconds(nobody, [], slots)
    assert seconds is not None  # it has learnt
    finals = FinalSettings.of(params.evolve).trainings
    individuals = size.total(nobody)
    each_worker = math.ceil((individuals + finals) / slots)
    fresh = math.ceil(each_worker / params.evolve.tasks_per_worker)
    weights = max(each.weight_bytes for each in timings)
    return Plan(
        individuals=individuals,
        finals=finals,
        workers=slots,
        seconds=seconds + fresh * first + max(0, each_worker - fresh) * later,
        error=float(np.hypot(max(each.step_error for each in timings), _spread(params, keypoints))),
        memory_bytes=max(each.memory_bytes for each in timings),
        disk_bytes=(individuals + finals) * (weights + _RESULT_BYTES),
    )


def _timings(params: Params, workers: Engine, count: int) -> list[Timing]:
    ancestor = search_space(params).ancestor
    for number in range(count):
        workers.submit(IndividualSpec(number, 0, None, "", ancestor, None, epochs=1, seed=number), None)
    timings: list[Timing] = []
    lost: list[Lost] = []
    while len(timings) + len(lost) < count:
        for outcome in workers.wait(0.5):
            if isinstance(outcome, Lost):
                if outcome.mendable is not None:
                    raise outcome.mendable
                lost.append(outcome)
            else:
                timings.append(Timing.of_bytes(outcome.weights))
    if not timings:
        raise SearchError(f"no worker could time a training: {lost[0].error}")
    return timings


def _spread(params: Params, keypoints: int) -> float:
    """Return the relative deviation of multiply-adds among the ancestor's neighbours."""
    space = search_space(params)
    own = network_size(params.model, space.ancestor, keypoints).multiply_adds
    others = [network_size(params.model, each, keypoints).multiply_adds for each in neighbours(space.ancestor, space)]
    return float(np.sqrt(np.mean((np.array([own, *others]) / own - 1) ** 2)))

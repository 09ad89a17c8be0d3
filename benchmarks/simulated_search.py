"""A whole search in minutes: the real sampler and the real driver, trainings that only seem to happen."""

import heapq
import itertools
import logging
import os
import tempfile
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks.simulated_training import SimulatedTraining
from evopose2d.config.schema import Params
from evopose2d.evolution.driver import Driver
from evopose2d.evolution.individuals.configuration import evolution_sampler
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.journal import open_study, study_in_memory
from evopose2d.evolution.sampler import Individual
from evopose2d.evolution.session import Session
from evopose2d.evolution.signals import StopRequest
from evopose2d.evolution.tracking.tracker import BackgroundTracking
from evopose2d.evolution.working.engine import Lost, MachineState, ParentWeights, Trained
from evopose2d.keypoints import COCO_PERSON

logger = logging.getLogger(__name__)

_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class GrowthPoint:
    """What an individual costs the driver when a search has so many.

    Attributes:
        individuals: finished so far.
        driver_ms: milliseconds of the driver for an individual, from its being asked for to its being told: mean
            of those since the point before.
        ask_ms: the part of it in which a child is asked for: median of those since the point before.
        ask_p99_ms: what all but one in a hundred of them did not exceed.
        memory_mb: resident memory of the process beyond that at the start.
        memory_kb: the same for each individual.
    """

    individuals: int
    driver_ms: float
    ask_ms: float
    ask_p99_ms: float
    memory_mb: float
    memory_kb: float


@dataclass(frozen=True)
class SimulatedSearch:
    """How a simulated search went.

    Attributes:
        individuals: that were trained.
        workers: that trained them.
        hours: from the start to the end, on the simulated clock.
        utilisation: busy share of the workers, 0 to 1, while there are children to be given out.
        utilisation_overall: the same from the start to the end: with the ancestor, for which all others wait, and the
            last ones, after whom nobody is left.
        driver_seconds: of this machine, in which the driver worked; part of the hours.
        growth: the costs as the population grew.
        population: all individuals.
        ended: seconds on the simulated clock at which each individual's training ended, by number.
    """

    individuals: int
    workers: int
    hours: float
    utilisation: float
    utilisation_overall: float
    driver_seconds: float
    growth: Sequence[GrowthPoint]
    population: Sequence[Individual]
    ended: Mapping[int, float]


class SimulatedClock:
    """Runs as fast as ``timer`` while the driver works, and jumps where it waits.

    Args:
        timer: gives real seconds; None where the driver's work is to take no time, so that all repeats are equal.
    """

    def __init__(self, timer: Callable[[], float] | None = time.perf_counter) -> None:
        self._timer = timer or (lambda: 0.0)
        self._then = self._timer()
        self._now = 0.0
        self.worked = 0.0

    def __call__(self) -> float:
        """Return the simulated seconds since the start."""
        then, self._then = self._then, self._timer()
        self._now += self._then - then
        self.worked += self._then - then
        return self._now

    def jump(self, to: float) -> None:
        """Go on at ``to``, or where that has passed from now; real time since the last look does not count."""
        self._then = self._timer()
        self._now = max(self._now, to)


class SimulatedEngine:
    """Trains so many at once, on a simulated clock.

    Args:
        training: makes up results.
        workers: how many train at once.
        clock: the driver's too.
        finished: told of how many are finished, whenever it is one more.
    """

    def __init__(
        self, training: SimulatedTraining, workers: int, clock: SimulatedClock, finished: Callable[[int], None]
    ) -> None:
        self.slots = workers
        self.starts, self.ends, self.numbers = array("d"), array("d"), array("q")
        self._training = training
        self._clock = clock
        self._finished = finished
        self._events: list[tuple[float, int, IndividualResult]] = []

    @property
    def machines(self) -> list[MachineState]:
        """The one machine."""
        return [MachineState("simulated", self.slots, "used", "", (), 0)]

    def give_up(self, number: int, error: str) -> None:
        """Do nothing: no training hangs."""

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """Start to train an individual."""
        start = self._clock()
        result = self._training(spec)
        self._clock.jump(start)
        self.numbers.append(spec.number)
        self.starts.append(start)
        self.ends.append(start + result.seconds)
        heapq.heappush(self._events, (start + result.seconds, spec.number, result))

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """Jump to when the next one finishes, and give all that have finished until then."""
        now = self._clock()
        done = len(self.ends) - len(self._events)
        self._clock.jump(self._events[0][0] if self._events else now + timeout)
        now = self._clock()
        outcomes: list[Trained | Lost] = []
        while self._events and self._events[0][0] <= now:
            _, number, result = heapq.heappop(self._events)
            outcomes.append(Trained(number, result, b""))
        for count in range(done + 1, done + len(outcomes) + 1):
            self._finished(count)
        self._clock.jump(now)
        return outcomes


class _NoFiles(SearchStore):
    """Keeps no file: for what the driver costs apart from the disk."""

    def write_weights(self, number: int, weights: bytes) -> None:
        pass

    def write_result(self, result: IndividualResult) -> None:
        pass

    def read_result(self, number: int) -> IndividualResult | None:
        return None

    def read_record(self, number: int) -> IndividualResult | None:
        return None

    def read_intact(self, number: int) -> IndividualResult | None:
        return None

    def is_whole(self, number: int) -> bool:
        return True

    def read_failure(self, number: int) -> IndividualFailure | None:
        return None

    def set_aside(self, number: int) -> None:
        pass


class _Growth:
    """Notes what an individual costs, at 1, 2, 5, 10, 20, 50 ... thousand."""

    def __init__(self, clock: SimulatedClock, first: int) -> None:
        self.points: list[GrowthPoint] = []
        self.asked: list[float] = []
        self._clock = clock
        self._next = (
            int(step * scale * first) for scale in (10**power for power in itertools.count()) for step in _STEPS
        )
        self._due = next(self._next)
        self._last, self._worked = 0, 0.0
        self._process = psutil.Process(os.getpid())
        self._memory = self._process.memory_info().rss

    def note(self, finished: int, *, at_end: bool = False) -> None:
        """Note a point where one is due."""
        late = at_end and finished > 1.1 * self._last
        if finished < self._due and not late:
            return
        if finished >= self._due:
            self._due = next(self._next)
        memory = self._process.memory_info().rss - self._memory
        asked = np.array(self.asked or [0.0]) * 1e3
        spent = (self._clock.worked - self._worked) / (finished - self._last)
        median, slow = np.percentile(asked, (50, 99)).tolist()
        self.points.append(GrowthPoint(finished, spent * 1e3, median, slow, memory / 1e6, memory / 1e3 / finished))
        logger.info("%d individuals: %.2f ms and %.1f kB each", finished, spent * 1e3, memory / 1e3 / finished)
        self._last, self._worked = finished, self._clock.worked
        self.asked.clear()


def simulate(
    params: Params,
    *,
    workers: int,
    seconds: float = 600.0,
    spread: float = 0.5,
    on_disk: bool = False,
    timer: Callable[[], float] | None = time.perf_counter,
    first_point: int = 1000,
) -> SimulatedSearch:
    """Run a search of section ``evolve`` whose trainings take no time here.

    Args:
        params: all settings.
        workers: individuals that train at once.
        seconds: mean of a child's training, on the simulated clock.
        spread: standard deviation of the logarithm of the seconds.
        on_disk: keep the study's journal and the individuals' files, in a temporary folder, as a search does; else the
            study is kept in memory and there are no files.
        timer: what the driver's own work is timed by; None: not at all, so that the outcome depends on the seed alone.
        first_point: individuals at which costs are noted first, then at 2, 5, 10, 20, 50, ... times as many.

    Raises:
        SearchError: a file cannot be written.
    """
    sampler = evolution_sampler(params, COCO_PERSON.count)
    training = SimulatedTraining(params, COCO_PERSON.count, seconds=seconds, spread=spread, seed=params.evolve.seed)
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
        store = SearchStore(Path(folder)) if on_disk else _NoFiles(Path(folder))
        study = open_study(store.journal_path, sampler) if on_disk else study_in_memory(sampler)
        clock = SimulatedClock(timer)
        growth = _Growth(clock, first_point)
        asked = _timed(sampler.ask, growth.asked)
        sampler.ask = asked  # type: ignore[method-assign]
        engine = SimulatedEngine(training, workers, clock, growth.note)
        with BackgroundTracking(None, store) as tracking:
            session = Session(store, engine, tracking, StopRequest(), clock=clock)
            population = list(Driver(params, study, sampler, session).run().values())
    end = clock()
    growth.note(len(engine.ends), at_end=True)
    starts, ends = np.array(engine.starts), np.array(engine.ends)
    return SimulatedSearch(
        individuals=len(population),
        workers=workers,
        hours=end / 3600,
        utilisation=_busy(starts, ends, float(ends[0]), float(starts.max())) / workers,
        utilisation_overall=_busy(starts, ends, 0.0, end) / workers,
        driver_seconds=clock.worked,
        growth=growth.points,
        population=population,
        ended=dict(zip(engine.numbers, engine.ends, strict=True)),
    )


def sized(params: Params, *, individuals: int, children: int, schedule: str, seed: int) -> Params:
    """Return the settings with a search of at least so many individuals, none of them a control."""
    generations = -(-(individuals - 1) // children)
    evolve = replace(params.evolve, generations=generations, children=children, schedule=schedule, seed=seed)
    evolve = replace(evolve, controls=False)
    return replace(params, evolve=evolve)


def _timed(ask: Callable, seconds: list[float]) -> Callable:
    def asked(study: object) -> object:
        start = time.perf_counter()
        trial = ask(study)
        seconds.append(time.perf_counter() - start)
        return trial

    return asked


def _busy(starts: np.ndarray, ends: np.ndarray, since: float, until: float) -> float:
    """Return how many workers were busy on average between two moments."""
    overlap = np.minimum(ends, until) - np.maximum(starts, since)
    return float(np.maximum(overlap, 0.0).sum() / (until - since)) if until > since else 1.0

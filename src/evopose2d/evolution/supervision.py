"""An engine that is watched: individuals that hang are given up, time limits are kept, and others may look on."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evopose2d.config.schema import EvolveConfig
from evopose2d.errors import Interrupted, TimeLimit
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.results.progress import Status, duration
from evopose2d.evolution.results.status_file import RecentFailure, RunningIndividual, StatusFile, Usage, iso_now
from evopose2d.evolution.working.engine import Engine, Lost, ParentWeights, Trained, WrappedEngine

logger = logging.getLogger(__name__)

_RESULTS_KEPT = 32  # whose times are remembered
_FAILURES_KEPT = 10
_LEAST_PATIENCE = 300.0  # seconds that any training may take: a worker's start, data that are fetched


@dataclass(frozen=True)
class _Begun:
    spec: IndividualSpec
    at: float
    since: str


class Expectation:
    """How long trainings take, from those that were finished last.

    Machines differ, so the slowest counts.
    """

    def __init__(self) -> None:
        self._seconds_per_epoch: deque[float] = deque(maxlen=_RESULTS_KEPT)

    def learn(self, result: IndividualResult) -> None:
        """Note how long a training took."""
        self._seconds_per_epoch.append(result.seconds / len(result.epochs))

    def seconds(self, epochs: int) -> float | None:
        """Return the seconds that a training takes at most, if it is like the last ones; None before the first."""
        return max(self._seconds_per_epoch) * epochs if self._seconds_per_epoch else None


class SupervisedEngine(WrappedEngine):
    """Trains through another engine and watches it.

    Args:
        engine: trains.
        evolve: section ``evolve``, for ``max_hours`` and ``hang_factor``.
        file: the search's status, for people who look on.
        clock: gives seconds that only grow; the time limit counts from now.
    """

    def __init__(
        self, engine: Engine, evolve: EvolveConfig, file: StatusFile, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(engine)
        self._evolve = evolve
        self._file = file
        self._clock = clock
        self._deadline = clock() + evolve.max_hours * 3600 if evolve.max_hours else math.inf
        self._begun: dict[int, _Begun] = {}
        self._expected = Expectation()
        self._usage = Usage(clock())
        self._failures: deque[RecentFailure] = deque(maxlen=_FAILURES_KEPT)
        self._status: Status | None = None

    @property
    def slots(self) -> int:
        """As the engine's; none once a training that is started now would go beyond the time limit."""
        slots = self._engine.slots
        expected = self._expected.seconds(self._evolve.child_epochs) or 0.0
        return 0 if self._clock() + expected > self._deadline else slots

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """As the engine's."""
        super().submit(spec, parent)
        self._begun[spec.number] = _Begun(spec, self._clock(), iso_now())

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """As the engine's; individuals that hang are lost.

        Raises:
            TimeLimit: ``evolve.max_hours`` are over, or too little of them is left for any training.
        """
        now = self._clock()
        if now >= self._deadline or (not self._begun and not self.slots and self._deadline < math.inf):
            raise TimeLimit(
                f"stopped after {duration(now - self._usage.started)} (evolve.max_hours: {self._evolve.max_hours:g}); "
                "the same command goes on, and trains those anew that were being trained"
            )
        self._give_up_what_hangs(now)
        hosts = self._hosts()
        self._usage.note(now, len(self._begun), self._engine.slots)
        outcomes = self._engine.wait(timeout)
        for outcome in outcomes:
            self._begun.pop(outcome.number, None)
            if isinstance(outcome, Trained):
                self._expected.learn(outcome.result)
                self._usage.finished += 1
            else:
                host = hosts.get(outcome.number, "")
                self._failures.append(RecentFailure(outcome.number, iso_now(), host, outcome.error))
        return outcomes

    def show(self, status: Status) -> None:
        """Write the status that the driver has come to."""
        self._status = status
        self._file.write(**self._values())

    def end(self, state: str, reason: str = "") -> None:
        """Write how the search has ended."""
        self._begun.clear()
        if self._status is not None:
            self._file.write(state=state, reason=reason, at_once=True, **self._values())

    def _give_up_what_hangs(self, now: float) -> None:
        if not self._evolve.hang_factor:
            return
        for number, begun in list(self._begun.items()):
            expected = self._expected.seconds(begun.spec.epochs)
            if expected is None:
                continue
            patience = max(_LEAST_PATIENCE, expected * self._evolve.hang_factor)
            if now - begun.at > patience:
                host = self._hosts().get(number, "")
                error = (
                    f"hangs: {duration(now - begun.at)} on {host or 'its machine'} without a result, "
                    f"expected were {duration(expected)} at most (evolve.hang_factor: {self._evolve.hang_factor:g})"
                )
                self._engine.give_up(number, error)

    def _hosts(self) -> dict[int, str]:
        return {number: machine.host for machine in self._engine.machines for number in machine.running}

    def _values(self) -> dict[str, Any]:
        assert self._status is not None  # the driver has shown one
        hosts, whole = self._hosts(), self._status.individuals.whole
        best = whole.most_precise if self._status.by_ap else whole.fittest
        return {
            "total": self._status.total,
            "done": whole.done,
            "failed": whole.failed,
            "best": None if best is None else {"number": best.number, "fitness": best.fitness, "AP": best.ap},
            "per_hour": self._usage.per_hour(self._clock()),
            "utilisation": round(self._usage.share, 4),
            "remaining": self._status.remaining,
            "running": tuple(
                RunningIndividual(number, begun.spec.generation, begun.since, hosts.get(number, ""), begun.spec.epochs)
                for number, begun in sorted(self._begun.items())
            ),
            "machines": tuple(self._engine.machines),
            "failures": tuple(self._failures),
        }


@contextmanager
def supervised(engine: Engine, evolve: EvolveConfig, root: Path) -> Iterator[SupervisedEngine]:
    """Watch an engine for as long as the block runs, and write down how it ended.

    Args:
        engine: trains.
        evolve: section ``evolve``.
        root: the search directory.
    """
    watched = SupervisedEngine(engine, evolve, StatusFile(root))
    try:
        yield watched
    except BaseException as error:
        asked = isinstance(error, Interrupted | KeyboardInterrupt)
        watched.end("stopped" if asked else "failed", " ".join(str(error).split()))
        raise
    watched.end("finished")

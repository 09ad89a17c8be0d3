"""When each individual of a search came to what: around its training in the worker, and around it in the driver.

Times are of the system's clock, which all processes of a machine share.
"""

import importlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from evopose2d.config.schema import Params
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.tracking.tracker import Tracker
from evopose2d.evolution.working.engine import Engine, Lost, MachineState, ParentWeights, Trained
from evopose2d.evolution.working.individual import STEP, train_individual
from evopose2d.files import write_json
from evopose2d.importing import import_large

RECEIVED, IMPORTED, RETURNED = "received", "imported", "returned"
DISPATCHED, COLLECTED, STORED, WRITTEN, SETTLED = "dispatched", "collected", "stored", "written", "settled"
TRACKING, TRACKED = "tracking", "tracked"

# What training imports after TensorFlow.
_IMPORTS = (
    "evopose2d.inheritance",
    "evopose2d.stages.train",
    "evopose2d.training.loop",
    "evopose2d.evolution.working.memory",
)

Stamps = list[tuple[str, float]]
"""Events of an individual with their times in seconds, in order."""


@dataclass(frozen=True)
class WorkerStamps:
    """What a worker noted of an individual.

    Attributes:
        process: id of the worker's process.
        stamps: from when it received the individual to when it returned it.
        cpu_seconds: of the process, from the receipt to the second step: what other programs change least.
    """

    process: int
    stamps: Stamps
    cpu_seconds: float


@dataclass(frozen=True)
class StampedTrainer:
    """Trains individuals as a search does, and notes the times of each in a file.

    Attributes:
        folder: where the files go.
    """

    folder: Path

    def __call__(
        self, spec: IndividualSpec, params: Params, parent_weights: bytes | None
    ) -> tuple[IndividualResult, bytes]:
        """Train an individual."""
        stamps: Stamps = []
        cpu: list[float] = []

        def observe(event: str) -> None:
            stamps.append((event, time.time()))
            if event in (RECEIVED, STEP):
                cpu.append(time.process_time())

        observe(RECEIVED)
        import_large("keras")
        for name in _IMPORTS:
            importlib.import_module(name)
        observe(IMPORTED)
        trained = train_individual(spec, params, parent_weights, observe)
        observe(RETURNED)
        write_json(self.folder / f"{spec.number}.json", {"process": os.getpid(), "stamps": stamps, "cpu": cpu[:3]})
        return trained

    def read(self, number: int) -> WorkerStamps:
        """Return what was noted of an individual."""
        content = json.loads((self.folder / f"{number}.json").read_text(encoding="utf-8"))
        received, _, second_step = content["cpu"]
        stamps = [(event, when) for event, when in content["stamps"]]
        return WorkerStamps(content["process"], stamps, second_step - received)


class DriverStamps:
    """What the driver does with each individual, and when; the last time counts where it does so twice.

    Attributes:
        times: of each event, by individual.
    """

    def __init__(self) -> None:
        self.times: defaultdict[int, dict[str, float]] = defaultdict(dict)

    def __call__(self, number: int, event: str) -> None:
        """Note an event of an individual."""
        self.times[number][event] = time.time()


class StampedEngine:
    """Hands individuals to an engine, and notes when they go and come, and when the driver is done with them.

    Args:
        engine: trains.
        stamps: takes the times.
    """

    def __init__(self, engine: Engine, stamps: DriverStamps) -> None:
        self._engine = engine
        self._stamps = stamps
        self._unsettled: list[int] = []

    @property
    def slots(self) -> int:
        """How many individuals can be trained at once."""
        return self._engine.slots

    @property
    def machines(self) -> list[MachineState]:
        """The machines that are there."""
        return self._engine.machines

    def give_up(self, number: int, error: str) -> None:
        """End an individual's training."""
        self._engine.give_up(number, error)

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """Start to train an individual."""
        self._stamps(spec.number, DISPATCHED)
        self._engine.submit(spec, parent)

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """Return what has come; the driver waits when it is done with what came before, and has asked for the next."""
        self.settle()
        outcomes = self._engine.wait(timeout)
        for outcome in outcomes:
            self._stamps(outcome.number, COLLECTED)
            self._unsettled.append(outcome.number)
        return outcomes

    def settle(self) -> None:
        """Note that the driver is done with all that it has collected."""
        while self._unsettled:
            self._stamps(self._unsettled.pop(), SETTLED)


@contextmanager
def stamped_workers(workers: AbstractContextManager[Engine], stamps: DriverStamps) -> Iterator[StampedEngine]:
    """Open an engine, and note what passes it."""
    with workers as engine:
        stamped = StampedEngine(engine, stamps)
        yield stamped
        stamped.settle()


class StampedStore(SearchStore):
    """Notes when an individual's weights and its result are written.

    Args:
        root: the search directory.
        stamps: takes the times.
    """

    def __init__(self, root: Path, stamps: DriverStamps) -> None:
        super().__init__(root)
        self._stamps = stamps

    def write_weights(self, number: int, weights: bytes) -> None:
        """Write an individual's weights."""
        super().write_weights(number, weights)
        self._stamps(number, STORED)

    def write_result(self, result: IndividualResult) -> None:
        """Write an individual's result."""
        super().write_result(result)
        self._stamps(result.number, WRITTEN)


class StampedTracker:
    """Notes when an individual is being recorded.

    Args:
        tracker: records.
        stamps: takes the times.
    """

    def __init__(self, tracker: Tracker, stamps: DriverStamps) -> None:
        self._tracker = tracker
        self._stamps = stamps

    def is_responsive(self) -> bool:
        """Return whether it is worth while to wait for the tracker."""
        return self._tracker.is_responsive()

    def recorded(self, *, finals: bool = False) -> Collection[int]:
        """Return the numbers of the individuals, or of the finalists, that have been recorded."""
        return self._tracker.recorded(finals=finals)

    def finished(self, result: IndividualResult, folder: Path) -> None:
        """Record a trained individual."""
        self._noted(result.number, lambda: self._tracker.finished(result, folder))

    def failed(self, failure: IndividualFailure, folder: Path) -> None:
        """Record an individual that could not be trained."""
        self._noted(failure.number, lambda: self._tracker.failed(failure, folder))

    def _noted(self, number: int, record: Callable[[], None]) -> None:
        self._stamps(number, TRACKING)
        record()
        self._stamps(number, TRACKED)

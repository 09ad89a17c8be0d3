"""Trainings that do not hang on each other, several at once, by a search's own workers."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evopose2d.errors import Interrupted
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.results.progress import duration
from evopose2d.evolution.signals import StopRequest
from evopose2d.evolution.working.engine import Engine, Lost, ParentWeights, Trained

logger = logging.getLogger(__name__)

_WAIT = 0.5  # seconds between two looks at whether to stop


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        name: what logs call it.
        spec: what it is made from; its number is another for each.
        parent: whose weights it inherits; None without any.
        keep: told of the result, which is then safe.
    """

    name: str
    spec: IndividualSpec
    parent: ParentWeights | None
    keep: Callable[[Trained], None]


def run_trainings(trainings: Sequence[Training], workers: Engine, stop: StopRequest, attempts: int) -> list[str]:
    """Run trainings, and keep each as it ends.

    Args:
        trainings: in the order in which they start.
        workers: train.
        stop: whether the user wants to stop.
        attempts: times that each is tried.

    Returns:
        A line for each that failed every time.

    Raises:
        Interrupted: a stop was asked for.
        EvoPoseError: what every training would fail by.
    """
    return _Trainings(trainings, workers, stop, attempts).run()


class _Trainings:
    def __init__(self, trainings: Sequence[Training], workers: Engine, stop: StopRequest, attempts: int) -> None:
        self._waiting = list(reversed(trainings))
        self._total = len(trainings)
        self._workers = workers
        self._stop = stop
        self._allowed = attempts
        self._running: dict[int, Training] = {}
        self._attempts: Counter[int] = Counter()
        self._failed: list[str] = []
        self._done = 0
        self._started = time.monotonic()

    def run(self) -> list[str]:
        self._fill()
        while self._running:
            self._settle(self._workers.wait(_WAIT))
            if self._stop.requested:
                raise Interrupted(f"stopped after {self._done} of {self._total} trainings; the same command goes on")
            self._fill()
        return self._failed

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._workers.slots:
            training = self._waiting.pop()
            self._running[training.spec.number] = training
            self._workers.submit(training.spec, training.parent)

    def _settle(self, outcomes: Iterable[Trained | Lost]) -> None:
        # A loss may end it all: what has been trained is kept first.
        for outcome in sorted(outcomes, key=lambda outcome: isinstance(outcome, Lost)):
            training = self._running.pop(outcome.number)
            if isinstance(outcome, Lost):
                self._lose(outcome, training)
            else:
                training.keep(outcome)
                self._tell(training, outcome)

    def _tell(self, training: Training, trained: Trained) -> None:
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self._total - self._done)
        result = trained.result
        logger.info(
            "%s: val loss %.2f, AP %.3f, %.1f s; %d of %d done, about %s left",
            *(training.name, result.val_loss, result.ap, result.seconds, self._done, self._total, duration(left)),
        )

    def _lose(self, lost: Lost, training: Training) -> None:
        if lost.mendable is not None:
            raise lost.mendable
        self._attempts[lost.number] += 1
        logger.warning("%s: %s", training.name, lost.error)
        if self._attempts[lost.number] < self._allowed:
            self._waiting.append(training)
        else:
            self._failed.append(f"{training.name}: {lost.error}")

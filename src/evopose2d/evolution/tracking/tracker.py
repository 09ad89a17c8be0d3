"""Recording a search without ever waiting for the tracking server, but for a while at the end."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import Role

logger = logging.getLogger(__name__)

_LOOK = 1.0  # seconds between two looks at whether the tracker responds


class Tracker(Protocol):
    """What records a search where people compare: a view of the search directory, never needed to resume it.

    All calls but those of ``is_responsive`` come from one thread, which is not the main one, one after the other. A
    driver may be killed within any of them: the next one then calls again for the same individual, which must not be
    there twice.
    """

    def is_responsive(self) -> bool:
        """Return whether it is worth while to wait for a call that is under way; False is final."""

    def recorded(self, *, finals: bool = False) -> Collection[int]:
        """Return the numbers of the individuals, or of the finalists, that have been recorded to the end."""

    def finished(self, result: IndividualResult, folder: Path) -> None:
        """Record a trained individual; its weights and its result lie in ``folder``."""

    def failed(self, failure: IndividualFailure, folder: Path) -> None:
        """Record an individual that could not be trained."""


class BackgroundTracking:
    """Calls a tracker from a thread of its own: what it raises is logged, and what it takes delays nothing.

    Args:
        tracker: None: nothing is tracked.
        store: the search directory.
    """

    def __init__(self, tracker: Tracker | None, store: SearchStore) -> None:
        self._tracker = tracker
        self._store = store
        self._calls: queue.SimpleQueue[tuple[Callable[[], None], str] | None] = queue.SimpleQueue()
        # Those of ``concurrent.futures`` are waited for when the interpreter ends, however long they hang.
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until all is recorded, as long as the tracker responds; after an exception, for the current call."""
        if error is not None:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._calls.get_nowait()
        self._calls.put(None)
        while self._thread.is_alive():
            self._thread.join(_LOOK)
            if self._thread.is_alive() and self._tracker is not None and not self._tracker.is_responsive():
                return

    def finished(self, result: IndividualResult) -> None:
        """Have a trained individual recorded."""
        if self._tracker is not None:
            tracker, folder = self._tracker, self._store.of(result.role).folder(result.number)
            self._do(lambda: tracker.finished(result, folder), f"individual {result.number}")

    def failed(self, failure: IndividualFailure) -> None:
        """Have an individual recorded that could not be trained."""
        if self._tracker is not None:
            tracker, folder = self._tracker, self._store.of(failure.role).folder(failure.number)
            self._do(lambda: tracker.failed(failure, folder), f"individual {failure.number}")

    def reconcile(self, numbers: Iterable[int]) -> None:
        """Have those recorded that an earlier driver finished and did not get recorded."""
        if self._tracker is not None:
            tracker, told = self._tracker, list(numbers)
            self._do(lambda: reconcile_tracking(tracker, self._store, told), "what an earlier run finished")

    def reconcile_finals(self, numbers: Iterable[int]) -> None:
        """As ``reconcile``, of finalists that have a result."""
        if self._tracker is not None:
            tracker, store, told = self._tracker, self._store.of(Role.FINALIST), list(numbers)
            self._do(lambda: reconcile_tracking(tracker, store, told, finals=True), "what earlier finals finished")

    def _do(self, action: Callable[[], None], what: str) -> None:
        self._calls.put((action, what))

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            action, what = call
            try:
                action()
            except Exception as error:  # noqa: BLE001 - of any kind: no tracker stops a search
                logger.warning("tracking %s failed, the search goes on: %r", what, error)


def reconcile_tracking(tracker: Tracker, store: SearchStore, numbers: Iterable[int], *, finals: bool = False) -> None:
    """Record those finished individuals of a search that have not been recorded.

    Args:
        tracker: where to.
        store: the search directory.
        numbers: individuals that the study knows as complete or failed, or finalists that are.
        finals: whether they are finalists; the store is theirs.
    """
    recorded = frozenset(tracker.recorded(finals=finals))
    for number in sorted(set(numbers) - recorded):
        result, failure = store.read_intact(number), store.read_failure(number)
        if result is not None:
            tracker.finished(result, store.folder(number))
        elif failure is not None:
            tracker.failed(failure, store.folder(number))
        else:
            logger.warning("individual %d: finished, but %s holds no result", number, store.folder(number))

"""Telling a tracking server of a search without ever waiting for it."""

import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import Role

logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """What records a search where people compare: a view of the search directory, never needed to go on.

    All calls come from one thread, which is not the main one, one after the other. A driver may be killed
    within any of them: the next one then calls again for the same individual, which must not be there twice.
    """

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
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracking")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until all is recorded; after an exception, for the record that is being made alone."""
        self._thread.shutdown(wait=True, cancel_futures=error is not None)

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
        def report(done: Future[None]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                logger.warning("tracking %s failed, the search goes on: %r", what, error)

        self._thread.submit(action).add_done_callback(report)


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

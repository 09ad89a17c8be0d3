"""A search with its view in MLflow: begun with it, ended with it, or rebuilt afterwards."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evopose2d.config.schema import Params
from evopose2d.errors import Interrupted
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.results.archive import SearchArchive, read_search
from evopose2d.evolution.results.front import front_rows
from evopose2d.evolution.results.report import final_rows
from evopose2d.evolution.signals import sigterm_interrupts
from evopose2d.evolution.tracking.champion import champion_to_register, register_champion, registration_request
from evopose2d.evolution.tracking.recorder import SearchRecorder
from evopose2d.tracking.connection import TrackingError, answering, server_command, without_password
from evopose2d.tracking.search_runs import SearchRuns
from evopose2d.tracking.views import view_address

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a search gave.

    Attributes:
        best: a row for each of the best individuals of the search, best first.
        finals: a row for each network of the finals, best first.
        verdict: what the finals say, in words; empty without any.
        front: a row for each member of the Pareto front of several objectives; empty of one.
        runs: the search in MLflow; None where it did not answer.
    """

    best: list[dict[str, Any]]
    finals: list[dict[str, Any]]
    verdict: str
    front: list[dict[str, Any]]
    runs: SearchRuns | None


def run(params: Params, sync_command: str = "evopose2d sync", **stand_ins: Any) -> Outcome:  # noqa: ANN401 - as search.run takes them
    """Run a search, or resume it, and track it; MLflow never stops it, nor delays it but for a few seconds at its end.

    To be called from the main thread.

    Args:
        params: all settings.
        sync_command: the command line that records later what MLflow does not take now.
        stand_ins: engine and store, passed on to :func:`search.run`.

    Raises:
        EvoPoseError: as :func:`search.run`.
        KeyboardInterrupt: the user broke it off after the search itself; MLflow knows.
    """
    recorder = SearchRecorder(params.tracking, Path(params.evolve.root), os.environ.get("MLFLOW_RUN_ID"))
    with sigterm_interrupts():
        try:
            rows = search.run(params, recorder, **stand_ins)
        except BaseException as error:
            recorder.stop("KILLED" if isinstance(error, Interrupted | KeyboardInterrupt) else "FAILED")
            raise
        with driver_lock(SearchStore(Path(params.evolve.root)).lock_path):
            try:
                finish(params, recorder)
            except TrackingError as error:
                logger.warning("%s; once MLflow answers: %s", error, without_password(sync_command))
    archive = read_search(Path(params.evolve.root))
    front = front_rows(archive) if len(archive.objectives) > 1 else []
    return Outcome(rows, final_rows(archive), str(archive.verdict or ""), front, recorder.runs)


def pages(runs: SearchRuns | None) -> tuple[str | None, list[str]]:
    """Return the command that serves a search's pages, where one is needed, and their addresses."""
    if runs is None:
        return None, []
    return server_command(runs.client.tracking_uri), [runs.address, view_address(runs, charts=True)]


def sync(params: Params) -> dict[str, Any]:
    """Bring MLflow up to date with a search's directory: whatever it lacks is recorded, nothing twice.

    Returns:
        The search's id, how many individuals MLflow holds, how many of them are new, and the search's run.

    Raises:
        SearchError: there is no search, or a driver is running it.
        TrackingError: MLflow does not answer, or does not take a record.
    """
    root = Path(params.evolve.root)
    archive = read_search(root)
    recorder = SearchRecorder(params.tracking, root, quiet=True)
    with sigterm_interrupts(), driver_lock(SearchStore(root).lock_path):
        before = recorder.recorded()
        finish(params, recorder)
    assert recorder.runs is not None  # finish has opened them
    after = recorder.runs.recorded()
    return {
        "search": archive.id,
        "individuals": len(after),
        "new": len(after - before),
        "run": recorder.runs.run_id,
        "address": recorder.runs.address,
    }


def register_individual(params: Params, number: int, name: str) -> None:
    """Log an individual's network as a model of the search in MLflow, and register it.

    Args:
        params: all settings.
        number: of the individual.
        name: of the registered model.

    Raises:
        SearchError: there is no search, or a driver is running it.
        TrackingError: MLflow does not answer.
    """
    root = Path(params.evolve.root)
    archive = read_search(root)
    recorder = SearchRecorder(params.tracking, root, quiet=True)
    with sigterm_interrupts(), driver_lock(SearchStore(root).lock_path):
        recorder.recorded()
        if recorder.runs is None:
            raise TrackingError(recorder.error or "MLflow does not answer")
        with answering():
            request = registration_request(params, archive, recorder.runs, archive.results[number], name)
        if request is not None and not register_champion(request):
            raise TrackingError(f"individual {number} has not been registered as {name}")


def finish(params: Params, recorder: SearchRecorder) -> None:
    """Record what MLflow still lacks of a search, its report and its champion, and end its run.

    Raises:
        TrackingError: MLflow does not answer, or does not take a record.
        KeyboardInterrupt: the user broke it off; the search's run has been ended as killed.
    """
    try:
        archive = read_search(Path(params.evolve.root))
        recorder.catch_up(archive.finished, [*archive.finals, *archive.final_failures])
        if recorder.missing or recorder.runs is None or recorder.silent:
            count = len(archive.finished) + len(archive.finals) + len(archive.final_failures)
            lacking = f"; {len(recorder.missing)} of {count} individuals are not in MLflow"
            raise TrackingError(f"{recorder.error or 'MLflow does not answer'}{lacking if recorder.missing else ''}")
        if recorder.damaged:
            folder = min(recorder.damaged)
            more = f", and of {len(recorder.damaged) - 1} more" if len(recorder.damaged) > 1 else ""
            raise TrackingError(f"{folder}: gone or damaged{more}; the search's own command trains it again")
        _end(params, archive, recorder, recorder.runs)
    except KeyboardInterrupt:
        recorder.stop("KILLED")
        raise


def _end(params: Params, archive: SearchArchive, recorder: SearchRecorder, runs: SearchRuns) -> None:
    status = "FINISHED" if archive.complete else "KILLED"
    shown = {"individuals": str(len(archive.finished)), "failed": str(len(archive.failures))}
    if archive.verdict is not None:
        shown |= {"verdict": str(archive.verdict), "winner": str(archive.verdict.winner.individual)}
    request = None
    with answering():
        runs.refresh()
        own = runs.own()
        recorder.complete(archive)
        if own.info.status != status or shown.items() - own.data.tags.items():
            recorder.show(archive)
        if archive.complete and params.tracking.log_model:
            request = champion_to_register(params, archive, runs)
    if request is not None:
        # Takes a minute or more, in a process that Ctrl-C may end at any moment: here it is not held back.
        register_champion(request)
    with answering():
        runs.describe(tags=shown)
        runs.end(status)

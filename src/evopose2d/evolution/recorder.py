"""A search's view in MLflow, kept up to date as individuals finish."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from evopose2d.config.schema import TrackingConfig
from evopose2d.evolution.archive import SearchArchive, generation_done, read_search
from evopose2d.evolution.identity import read_identity
from evopose2d.evolution.records import run_of_failure, run_of_result, varied_genes
from evopose2d.evolution.report import POPULATION_TABLE, progress, summary, write_report
from evopose2d.evolution.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.store import SearchStore
from evopose2d.stages.provenance import provenance_tags
from evopose2d.tracking.connection import NoAnswerError, TrackingError, answering
from evopose2d.tracking.search_runs import Measurement, SearchRuns
from evopose2d.tracking.views import share_view

logger = logging.getLogger(__name__)

_PAUSE = 60.0  # seconds for which a server that did not answer is left alone
_FAILURES_IN_A_ROW = 2  # after which it counts as not answering


class SearchRecorder:
    """Records individuals in MLflow. What cannot be recorded now is recorded later, or by ``evopose2d sync``.

    Implements ``Tracker``. Whatever MLflow does costs a warning.

    Args:
        config: where to log.
        root: the search directory.
        project_run: the run that MLflow Projects started, which the search's is to be.
        quiet: leave it to the caller to tell of ``error``.
    """

    def __init__(
        self, config: TrackingConfig, root: Path, project_run: str | None = None, *, quiet: bool = False
    ) -> None:
        self._config = config
        self._store = SearchStore(root)
        self._project_run = project_run
        self._runs: SearchRuns | None = None
        self._total = 0
        self._children = 1
        self._begun = False
        self._known: set[int] = set()
        self._again: set[int] = set()
        self._generation_shown = -1
        self._shown = -1
        self._not_before = 0.0
        self._silent_until = 0.0
        self._warned = quiet
        self.error = ""
        """What MLflow said last where it did not take a record."""
        self.damaged: set[int] = set()
        """Numbers of the individuals whose result or weights are gone or damaged."""

    @property
    def runs(self) -> SearchRuns | None:
        """The search's runs; None until MLflow has answered once."""
        return self._runs

    @property
    def silent(self) -> bool:
        """Whether MLflow was waited for in vain less than a minute ago: to ask again would take as long."""
        return time.monotonic() < self._silent_until

    @property
    def missing(self) -> list[int]:
        """Numbers of the individuals that MLflow lacks, of those that it has been told of."""
        recorded = self._runs.recorded() if self._runs is not None else frozenset[int]()
        return sorted(self._known - recorded | self._again)

    def recorded(self) -> frozenset[int]:
        """Give the numbers of the individuals that are in MLflow to the end; none where it does not answer."""
        if not self._tolerate(self._open):
            return frozenset()
        return self._open().recorded()

    def finished(self, result: IndividualResult, folder: Path) -> None:
        """Record a trained individual, also one that was trained again, and those that MLflow did not take before."""
        self._again.add(result.number)
        self._note([result.number])

    def failed(self, failure: IndividualFailure, folder: Path) -> None:
        """Record an individual that could not be trained, and those that MLflow did not take before."""
        self._note([failure.number])

    def catch_up(self, numbers: Iterable[int] = ()) -> None:
        """Record all individuals that MLflow lacks, and show how far the search has come; nothing while it is silent.

        Args:
            numbers: finished individuals.
        """
        self._known.update(numbers)
        refused = 0
        for number in self.missing:
            if self.silent:
                return
            refused = 0 if self._tolerate(lambda number=number: self._record(number)) else refused + 1  # type: ignore[misc]
            if refused == _FAILURES_IN_A_ROW:
                break
        if refused:
            self._not_before = time.monotonic() + _PAUSE
            return
        if not self.silent:
            self._tolerate(self._show_generation)

    def show(self, archive: SearchArchive) -> None:
        """Bring what the search's own run shows up to date.

        Raises:
            TrackingError: MLflow does not answer.
        """
        if self._shown == len(archive.finished):
            return
        with answering(), tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
            runs = self._open()
            write_report(archive, Path(folder))
            runs.log_folder(Path(folder), tables=[POPULATION_TABLE])
            runs.describe(measurements=self._course(archive), note=summary(archive))
            genes = varied_genes(each.genotype for each in archive.individuals)
            share_view(runs, genes, len(archive.individuals))
        self._shown = len(archive.finished)

    def stop(self, status: str) -> None:
        """Mark the search's run as ended before its time: KILLED or FAILED."""
        if self._runs is not None and not self.silent:
            self._tolerate(lambda: self._open().end(status))

    def _note(self, numbers: Iterable[int]) -> None:
        self._known.update(numbers)
        if time.monotonic() >= self._not_before:
            self.catch_up()

    def _open(self) -> SearchRuns:
        if self._runs is None:
            identity = read_identity(self._store.identity_path)
            settings = identity["settings"]
            self._children = settings["evolve.children"]
            self._total = 1 + settings["evolve.generations"] * self._children
            name = f"search · {self._store.root.absolute().name}"
            self._runs = SearchRuns.open(self._config, identity["id"], name, self._project_run)
        return self._runs

    def _begin(self) -> SearchRuns:
        runs = self._open()
        if not self._begun:
            runs.begin()
            identity = read_identity(self._store.identity_path)
            tags = {"started": identity["started"], "folder": str(self._store.root), **provenance_tags()}
            runs.describe(params=identity["settings"], tags=tags)
            self._begun = True
        return runs

    def _record(self, number: int) -> None:
        runs = self._begin()
        result, failure = self._store.read_intact(number), self._store.read_failure(number)
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as name:
            if result is not None:
                run = run_of_result(self._store, result, self._total, runs.link, Path(name))
            elif failure is not None:
                run = run_of_failure(self._store, failure, self._total, runs.link, Path(name))
            else:
                self.damaged.add(number)
                self._known.discard(number)
                self._again.discard(number)
                return
            runs.record(run)
            self._again.discard(number)

    def _show_generation(self) -> None:
        """Show the search's course whenever a generation is at its end."""
        if self._runs is None:
            return
        done = generation_done(self._runs.recorded(), self._children)
        if done > self._generation_shown:
            self.show(read_search(self._store.root))
            self._generation_shown = done

    def _course(self, archive: SearchArchive) -> list[Measurement]:
        """Give the search's figures by generation, as of when the generation's last individual was finished."""
        ended = {number: self._store.result_path(number).stat().st_mtime for number in archive.results}
        return [
            Measurement(name, value, generation, max((ended[each] for each in numbers if each in ended), default=0.0))
            for generation, numbers, figures in progress(archive)
            for name, value in figures.items()
        ]

    def _tolerate(self, action: Callable[[], object]) -> bool:
        """Do what MLflow may refuse; tell of it once."""
        try:
            with answering():
                action()
        except TrackingError as error:
            if isinstance(error, NoAnswerError):
                self._silent_until = time.monotonic() + _PAUSE
            self.error = str(error)
            log = logger.debug if self._warned else logger.warning
            log("%s; the search goes on, and what is missing is recorded later", error)
            self._warned = True
            return False
        return True

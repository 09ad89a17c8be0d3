"""A search's view in MLflow, kept up to date as individuals finish."""

import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from evopose2d.config.schema import TrackingConfig
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import SearchArchive, read_search
from evopose2d.evolution.results.identity import read_identity
from evopose2d.evolution.results.population import Population, SearchSize
from evopose2d.evolution.results.report import FRONT_TABLE, POPULATION_TABLE, progress, summary, write_report
from evopose2d.evolution.sampler import Role
from evopose2d.evolution.tracking.records import RunContext, run_of_failure, run_of_result, varied_genes
from evopose2d.files import file_sha256
from evopose2d.genotype import Genotype
from evopose2d.stages.provenance import provenance_tags
from evopose2d.tracking.connection import NoAnswerError, TrackingError, answering, check_answer, tracking_address
from evopose2d.tracking.search_runs import Measurement, SearchRuns
from evopose2d.tracking.views import share_view

logger = logging.getLogger(__name__)

_PAUSE = 60.0  # seconds for which a server that did not answer is left alone
_FAILURES_IN_A_ROW = 2  # after which it counts as not answering


_Key = tuple[str, int]
_INDIVIDUAL, _FINALIST = "individual", "finalist"


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
        self._known: set[_Key] = set()
        self._again: set[_Key] = set()
        self._given: dict[_Key, IndividualResult | IndividualFailure] = {}
        self._genotypes: dict[int, Genotype | None] = {}
        self._generation_shown = -1
        self._shown = -1
        self._not_before = 0.0
        self._silent_until = 0.0
        self._warned = quiet
        self.error = ""
        """What MLflow said last where it did not take a record."""
        self.damaged: set[Path] = set()
        """Folders of the individuals whose result or weights are gone or damaged."""

    @property
    def runs(self) -> SearchRuns | None:
        """The search's runs; None until MLflow has answered once."""
        return self._runs

    @property
    def silent(self) -> bool:
        """Whether MLflow timed out less than a minute ago: to ask again would take as long."""
        return time.monotonic() < self._silent_until

    def is_responsive(self) -> bool:
        """Return whether a call that is under way in another thread may still come to its end; False is final."""
        try:
            check_answer(tracking_address(self._config))
        except TimeoutError as error:
            self._silent_until = math.inf
            self.error = f"MLflow: {error}"
            return False
        return True

    @property
    def missing(self) -> list[tuple[str, int]]:
        """Kinds and numbers of the individuals that MLflow lacks, of those that it has been told of."""
        recorded: set[_Key] = set()
        if self._runs is not None:
            recorded = {(kind, number) for kind in (_INDIVIDUAL, _FINALIST) for number in self._runs.recorded(kind)}
        return sorted(self._known - recorded | self._again, key=lambda key: (key[0] == _FINALIST, key))

    def recorded(self, *, finals: bool = False) -> frozenset[int]:
        """Return the numbers of the individuals, or of the finalists, that are in MLflow to the end.

        None of them where it does not answer.
        """
        kind = _FINALIST if finals else _INDIVIDUAL
        if not self._tolerate(self._open) or self._runs is None:
            return frozenset()
        return frozenset(each for each in self._runs.recorded(kind) if not self._is_outdated((kind, each)))

    def finished(self, result: IndividualResult, folder: Path) -> None:
        """Record a trained individual, also one that was trained again, and those that MLflow did not take before."""
        self._again.add(_key(result))
        self._note(result)

    def failed(self, failure: IndividualFailure, folder: Path) -> None:
        """Record an individual that could not be trained, and those that MLflow did not take before."""
        self._note(failure)

    def catch_up(self, numbers: Iterable[int] = (), finals: Iterable[int] = ()) -> None:
        """Record all individuals that MLflow lacks, and show how far the search has come; nothing while it is silent.

        Args:
            numbers: finished individuals.
            finals: finished finalists.
        """
        told = {(_INDIVIDUAL, number) for number in numbers} | {(_FINALIST, number) for number in finals}
        self._known |= told
        if told and not self.silent and not self._tolerate(self._open):
            self._not_before = time.monotonic() + _PAUSE
            return
        self._again |= {key for key in told if self._is_outdated(key)}
        refused = 0
        for key in self.missing:
            if self.silent:
                return
            refused = 0 if self._tolerate(lambda key=key: self._record(key)) else refused + 1  # type: ignore[misc]
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
        finished = len(archive.finished) + len(archive.finals)
        if self._shown == finished:
            return
        with answering(), tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
            runs = self._open()
            write_report(archive, Path(folder))
            runs.log_folder(Path(folder), tables=[POPULATION_TABLE, FRONT_TABLE])
            runs.describe(measurements=self._course(archive), note=summary(archive))
            genes = varied_genes(each.genotype for each in archive.individuals)
            share_view(runs, genes, len(archive.individuals))
        self._shown = finished

    def complete(self, archive: SearchArchive) -> None:
        """Log what whole runs lack.

        That is the gain of a child that was recorded before its control was finished, and the genes under the names
        that they have now: before, they were called ``block1_kernel`` instead of ``b1_kernel``.

        Raises:
            TrackingError: MLflow does not answer.
        """
        with answering():
            runs = self._open()
            for individual in archive.individuals:
                runs.add_params(individual.number, individual.genotype.genes)
            for number, gain in archive.gains.items():
                runs.add_metric(number, Measurement("gain", gain, 0, self._ended(number)))

    def stop(self, status: str) -> None:
        """Mark the search's run as ended before its time: KILLED or FAILED."""
        if self._runs is not None and not self.silent:
            self._tolerate(lambda: self._open().end(status))

    def _note(self, record: IndividualResult | IndividualFailure) -> None:
        self._known.add(_key(record))
        self._given[_key(record)] = record
        if time.monotonic() >= self._not_before:
            self.catch_up()

    def _is_outdated(self, key: _Key) -> bool:
        """Return whether an individual's run is of an earlier training than its file."""
        kind, number = key
        digest = None if self._runs is None else self._runs.digest(kind, number)
        store = self._store_of(kind)
        files = [path for path in (store.result_path(number), store.failure_path(number)) if path.is_file()]
        return digest is not None and bool(files) and file_sha256(files[0]) != digest

    def _store_of(self, kind: str) -> SearchStore:
        return self._store.of(Role.FINALIST) if kind == _FINALIST else self._store

    def _open(self) -> SearchRuns:
        check_answer(tracking_address(self._config))
        if self._runs is None:
            identity = read_identity(self._store.identity_path)
            settings = identity["settings"]
            self._children = settings["evolve.children"]
            self._total = SearchSize.of_settings(settings).total(Population())
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

    def _record(self, key: _Key) -> None:
        runs, (kind, number) = self._begin(), key
        store = self._store_of(kind)
        record = self._given.get(key)
        # Where MLflow did not answer for long, the files may have been damaged meanwhile.
        if record is None or (isinstance(record, IndividualResult) and not store.is_whole(number)):
            record = store.read_intact(number) or store.read_failure(number)
        if record is None:
            self.damaged.add(store.folder(number))
            self._known.discard(key)
            self._again.discard(key)
            return
        context = RunContext(store, self._total, runs.link, self._parent_genotype(record))
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as name:
            if isinstance(record, IndividualResult):
                run = run_of_result(record, context, Path(name))
            else:
                run = run_of_failure(record, context, Path(name))
            runs.record(run)
        self._again.discard(key)
        self._given.pop(key, None)

    def _parent_genotype(self, individual: IndividualResult | IndividualFailure) -> Genotype | None:
        """Return the genotype of an individual's parent; None without one, or where its result is gone."""
        parent = individual.parent
        if parent is None or individual.role is not Role.CHILD:
            return None
        if parent not in self._genotypes:
            found = self._store.read_record(parent)
            self._genotypes[parent] = None if found is None else found.genotype
        return self._genotypes[parent]

    def _show_generation(self) -> None:
        """Show the search's course whenever as many individuals have come as a generation has."""
        if self._runs is None:
            return
        done = (len(self._runs.recorded()) - 1) // self._children
        if done > self._generation_shown:
            archive = read_search(self._store.root)
            self.show(archive)
            self.complete(archive)
            self._generation_shown = done

    def _course(self, archive: SearchArchive) -> list[Measurement]:
        """Return the search's figures by generation, as of when the generation's last individual was finished."""
        ended = {number: self._ended(number) for number in archive.results}
        return [
            Measurement(name, value, generation, max((ended[each] for each in numbers if each in ended), default=0.0))
            for generation, numbers, figures in progress(archive)
            for name, value in figures.items()
        ]

    def _ended(self, number: int) -> float:
        return self._store.result_path(number).stat().st_mtime

    def _tolerate(self, action: Callable[[], object]) -> bool:
        """Do what MLflow may refuse; tell of it once."""
        try:
            with answering():
                action()
        except TrackingError as error:
            if isinstance(error, NoAnswerError):
                self._silent_until = max(self._silent_until, time.monotonic() + _PAUSE)
            self.error = str(error)
            log = logger.debug if self._warned else logger.warning
            log("%s; the search goes on, and what is missing is recorded later", error)
            self._warned = True
            return False
        return True


def _key(individual: IndividualResult | IndividualFailure) -> _Key:
    return (_FINALIST if individual.role is Role.FINALIST else _INDIVIDUAL), individual.number

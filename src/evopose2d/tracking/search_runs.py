"""A search in MLflow: a run of its own, and a child run for each individual.

Runs are found by their tags, so whoever goes on with a search needs no memory of their ids. An individual's run
is made under its tags, filled, and ended last: one that has ended is whole, any other is filled again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking.connection import connect, experiment_id, web_address

logger = logging.getLogger(__name__)

# Of the web page's two faces, the one for training runs.
WORKFLOW = "workflowType=machine_learning"
_PARENT = "mlflow.parentRunId"
_NOTE = "mlflow.note.content"
_TABLES = "mlflow.loggedArtifacts"
_DIGEST = "digest"
_ENDED = ("FINISHED", "FAILED")
_KINDS = ("individual", "finalist")
_METRICS_PER_BATCH = 800  # MLflow takes 1000 of metrics, params and tags together, and 100 params
_PARAMS_PER_BATCH = 100
_LONGEST_PARAM = 6000
_PAGE = 1000


class Measurement(NamedTuple):
    """A value of a metric.

    Attributes:
        name: of the metric.
        value: finite.
        step: epoch, or generation.
        time: seconds since 1970. The same measurement logged twice counts once if its time is the same.
    """

    name: str
    value: float
    step: int
    time: float


@dataclass(frozen=True)
class IndividualRun:
    """What an individual's run holds.

    Attributes:
        number: of the individual.
        name: of the run.
        params: settings, a gene each.
        tags: for filtering and grouping.
        measurements: of all metrics.
        note: text in Markdown, shown on the run's page.
        files: artifacts.
        started: seconds since 1970.
        ended: seconds since 1970.
        failed: whether the run is to be seen as failed.
        kind: what it is a run of: an ``individual``, or a ``finalist``, which have numbers of their own.
        digest: of the file that the run is made from; another one once the individual has been trained again.
    """

    number: int
    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    measurements: Sequence[Measurement]
    note: str
    files: Sequence[Path]
    started: float
    ended: float
    failed: bool = False
    kind: str = "individual"
    digest: str = ""


@dataclass
class SearchRuns:
    """The runs of one search.

    Every method raises what MLflow and its stores raise; callers go through ``connection.answering``.

    Attributes:
        client: reaches MLflow.
        search: the search's id.
        experiment: id of the experiment that holds all runs.
        run_id: the search's own run.
    """

    client: MlflowClient
    search: str
    experiment: str
    run_id: str
    _runs: dict[tuple[str, int], Run] = field(default_factory=dict)

    @classmethod
    def open(cls, config: TrackingConfig, search: str, name: str, project_run: str | None = None) -> Self:
        """Find a search's runs, or begin them.

        Args:
            config: where to log.
            search: the search's id.
            name: name of its run.
            project_run: the run that MLflow Projects started. It becomes the search's own, or a child of the one
                that the search has already.
        """
        client = connect(config)
        found = _find(client, search)
        joined = None if project_run is None else _existing(client, project_run)
        own = _one_of(client, [run for run in found if run.data.tags.get("kind") == "search"])
        tags = {"search": search, "kind": "search"}
        if own is not None:
            if joined is not None and joined.info.run_id != own.info.run_id:
                _join(client, joined, own, search)
        elif joined is not None:
            own = joined
            _log(client, own.info.run_id, tags=tags)
            client.update_run(own.info.run_id, name=name)
        else:
            own = client.create_run(experiment_id(client, config.experiment), tags=tags, run_name=name)
        runs = cls(client, search, own.info.experiment_id, own.info.run_id)
        runs._adopt(found)
        return runs

    def recorded(self, kind: str = "individual") -> frozenset[int]:
        """Return the numbers of the individuals, or of another kind, whose run is whole."""
        whole = (key for key, run in self._runs.items() if run.info.status in _ENDED)
        return frozenset(number for each, number in whole if each == kind)

    def digest(self, kind: str, number: int) -> str | None:
        """Return the digest of a run's file; None without the run, or where an earlier version noted none."""
        run = self._runs.get((kind, number))
        return None if run is None else run.data.tags.get(_DIGEST)

    def refresh(self) -> None:
        """Look again at what MLflow holds, and remove what is there twice."""
        self._adopt(_find(self.client, self.search))

    def record(self, individual: IndividualRun) -> None:
        """Make an individual's run, complete the one that was broken off, or replace the one of an earlier training."""
        key = individual.kind, individual.number
        run = self._runs.get(key)
        if run is not None and run.info.status in _ENDED:
            self.client.delete_run(run.info.run_id)
            run = None
        if run is None:
            tags = {"search": self.search, "kind": individual.kind, individual.kind: str(individual.number)}
            run = self.client.create_run(
                self.experiment,
                start_time=_milliseconds(individual.started),
                tags=tags | {_PARENT: self.run_id},
                run_name=individual.name,
            )
            self._runs[key] = run
        run_id = run.info.run_id
        tags = {**individual.tags, _NOTE: individual.note, _PARENT: self.run_id, _DIGEST: individual.digest}
        # Figures first: they are there to compare also where the artifact store takes nothing.
        _log(self.client, run_id, individual.measurements, individual.params, tags)
        for path in individual.files:
            self.client.log_artifact(run_id, str(path))
        status = "FAILED" if individual.failed else "FINISHED"
        self.client.set_terminated(run_id, status, _milliseconds(individual.ended))
        self._runs[key] = self.client.get_run(run_id)

    def add_metric(self, number: int, measurement: Measurement) -> None:
        """Add a metric to an individual's run that is whole, where it lacks it."""
        run = self._runs.get(("individual", number))
        if run is not None and run.info.status in _ENDED and measurement.name not in run.data.metrics:
            _log(self.client, run.info.run_id, [measurement])
            self._runs["individual", number] = self.client.get_run(run.info.run_id)

    def add_params(self, number: int, params: Mapping[str, Any]) -> None:
        """Add params to an individual's run that is whole, where it lacks them."""
        run = self._runs.get(("individual", number))
        if run is not None and run.info.status in _ENDED and params.keys() - run.data.params.keys():
            _log(self.client, run.info.run_id, params={**params})
            self._runs["individual", number] = self.client.get_run(run.info.run_id)

    def link(self, number: int) -> str:
        """Return a link in Markdown to an individual's run; its number where it has none."""
        run = self._runs.get(("individual", number))
        if run is None:
            return f"individual {number}"
        return f"[{run.info.run_name}]({self.page(run.info.run_id)})"

    def page(self, run_id: str) -> str:
        """Return the address of a run's page, from the ``#`` on."""
        return f"#/experiments/{self.experiment}/runs/{run_id}?{WORKFLOW}"

    @property
    def address(self) -> str:
        """The search's run in a browser: at the server, or at the ``mlflow ui`` of this machine."""
        return f"{web_address(self.client.tracking_uri)}/{self.page(self.run_id)}"

    def own(self) -> Run:
        """Return the search's own run."""
        return self.client.get_run(self.run_id)

    def begin(self) -> None:
        """Mark the search's run as running."""
        if self.own().info.status != "RUNNING":
            self.client.update_run(self.run_id, status="RUNNING")

    def end(self, status: str) -> None:
        """Mark the search's run as ended: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(self.run_id, status)

    def describe(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        measurements: Sequence[Measurement] = (),
        note: str | None = None,
    ) -> None:
        """Log on the search's own run. A param keeps the first value that it was given."""
        known = self.own().data.params
        new = {key: value for key, value in (params or {}).items() if key not in known}
        all_tags = dict(tags or {}) | ({} if note is None else {_NOTE: note})
        _log(self.client, self.run_id, measurements, new, all_tags)

    def log_folder(self, folder: Path, tables: Sequence[str] = ()) -> None:
        """Log a folder's files on the search's own run.

        Args:
            folder: what it holds goes to the run's root.
            tables: those of its files that the web page is to show as tables.
        """
        self.client.log_artifacts(self.run_id, str(folder))
        if tables:
            shown = json.dumps([{"path": name, "type": "table"} for name in tables])
            self.client.set_tag(self.run_id, _TABLES, shown)

    def _adopt(self, found: Sequence[Run]) -> None:
        groups: dict[tuple[str, int], list[Run]] = {}
        for run in found:
            if (kind := run.data.tags.get("kind", "")) in _KINDS:
                groups.setdefault((kind, int(run.data.tags[kind])), []).append(run)
        self._runs = {key: run for key, group in groups.items() if (run := _one_of(self.client, group))}
        for run in self._runs.values():
            if run.data.tags.get(_PARENT) != self.run_id:
                self.client.set_tag(run.info.run_id, _PARENT, self.run_id)


def _find(client: MlflowClient, search: str) -> list[Run]:
    """Return all runs that carry the search's id, whatever experiment they are in."""
    experiments, token = [], None
    while True:
        page = client.search_experiments(max_results=_PAGE, page_token=token)
        experiments += [each.experiment_id for each in page]
        if not (token := page.token):
            break
    runs: list[Run] = []
    while experiments:
        page = client.search_runs(experiments, f"tags.search = '{search}'", max_results=_PAGE, page_token=token)
        runs += page
        if not (token := page.token):
            break
    return runs


def _one_of(client: MlflowClient, runs: Sequence[Run]) -> Run | None:
    """Return the run that is to stay of several for the same, and delete the others.

    A client that tries again after a lost answer makes two.
    """
    order = sorted(runs, key=lambda run: (run.info.status not in _ENDED, run.info.start_time, run.info.run_id))
    for run in order[1:]:
        logger.info("MLflow: run %s is there twice, deleted", run.info.run_name)
        client.delete_run(run.info.run_id)
    return order[0] if order else None


def _existing(client: MlflowClient, run_id: str) -> Run | None:
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _join(client: MlflowClient, joined: Run, own: Run, search: str) -> None:
    """Hang the project's run that goes on with a search below the search's own run."""
    tags = {"search": search, "kind": "continuation", _PARENT: own.info.run_id}
    _log(client, joined.info.run_id, tags=tags)
    client.update_run(joined.info.run_id, name=f"{own.info.run_name} · resumed")


def _log(
    client: MlflowClient,
    run_id: str,
    measurements: Sequence[Measurement] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log in one call, or in as few as MLflow's limits allow."""
    metrics = [Metric(each.name, each.value, _milliseconds(each.time), each.step) for each in measurements]
    values = [Param(key, str(value)[:_LONGEST_PARAM]) for key, value in (params or {}).items()]
    run_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
    while metrics or values or run_tags:
        client.log_batch(run_id, metrics[:_METRICS_PER_BATCH], values[:_PARAMS_PER_BATCH], run_tags)
        metrics, values, run_tags = metrics[_METRICS_PER_BATCH:], values[_PARAMS_PER_BATCH:], []


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)

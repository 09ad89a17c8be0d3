"""Latencies of networks, each measured once: kept in the search's folder, and measured by a process of its own."""

import contextlib
import hashlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import psutil

from evopose2d.config.schema import LatencyConfig, Params
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import phenotype
from evopose2d.evolution.individuals.store import writing
from evopose2d.evolution.latency.requests import Measure, of_network, patient
from evopose2d.evolution.latency.table import LatencyTable
from evopose2d.export.latency import Latency
from evopose2d.files import write_json
from evopose2d.genotype import Genotype
from evopose2d.keypoints import KeypointSchema

logger = logging.getLogger(__name__)

_MODULE = "evopose2d.evolution.latency.meter"
_TASKS = 32  # networks that one process exports before it makes room for a fresh one


class Meter:
    """The measuring process, from the first request on; started anew where it ends.

    Args:
        cores: processors that it has for itself; none: those of the driver.
    """

    def __init__(self, cores: Sequence[int] = ()) -> None:
        self._cores = cores
        self._process: subprocess.Popen[str] | None = None
        self._done = 0

    def __call__(self, request: Mapping[str, Any]) -> Latency:
        """Measure a network.

        Raises:
            SearchError: it cannot be measured.
        """
        if self._process is None or self._process.poll() is not None or self._done >= _TASKS:
            self.close()
            self._process, self._done = self._start(), 0
        process = self._process
        assert process.stdin is not None and process.stdout is not None  # they are pipes
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        self._done += 1
        if not answer:
            raise SearchError(f"the process that measures latencies ended with status {process.wait()}")
        values = json.loads(answer)
        if "error" in values:
            raise SearchError(values["error"])
        return Latency(**values)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> "subprocess.Popen[str]":
        own = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        return subprocess.Popen(
            [sys.executable, "-m", _MODULE, ",".join(map(str, self._cores))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | own,
            start_new_session=True,  # Ctrl-C is the driver's
        )


class Gauge:
    """Measures networks in a thread beside the search, one after the other, and none twice.

    Args:
        params: all settings.
        keypoints: what the networks' heatmaps stand for.
        measure: measures a network or a part of one.

    Raises:
        ConfigError, SearchError: as :class:`.table.LatencyTable`, where latencies are predicted.
    """

    def __init__(self, params: Params, keypoints: KeypointSchema, measure: Measure) -> None:
        self._params = params
        self._keypoints = keypoints
        self._measure = patient(measure, params.evolve.attempts)
        self._table: LatencyTable | None = None
        if params.evolve.latency.source == "table":
            self._table = LatencyTable(params, keypoints, self._measure)
        self._folder = Path(params.evolve.root) / "latency"
        self._wanted: queue.Queue[tuple[str, Genotype] | None] = queue.Queue()
        self._asked: set[str] = set()
        self._known: dict[str, Latency] = {}
        self._error: Exception | None = None
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._work, name="latency", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._wanted.put(None)

    def ask(self, genotype: Genotype) -> None:
        """Have the network of a genotype measured, unless it has been, or is going to be."""
        key = self._key(genotype)
        if key not in self._asked:
            self._asked.add(key)
            self._wanted.put((key, genotype))

    def find(self, genotype: Genotype) -> Latency | None:
        """Return what was measured; None as long as it has not been.

        Raises:
            SearchError: a network could not be measured.
        """
        if self._error is not None:
            raise SearchError(f"{self._error}; once that is mended, the same command goes on from here")
        return self._known.get(self._key(genotype))

    def wait(self, timeout: float) -> None:
        """Wait for the next measurement, at most so many seconds."""
        self._news.wait(timeout)
        self._news.clear()

    def _work(self) -> None:
        while (wanted := self._wanted.get()) is not None and self._error is None:
            key, genotype = wanted
            try:
                self._known[key] = self._found(key, genotype)
            except Exception as error:  # noqa: BLE001 - the driver raises it
                self._error = error
            self._news.set()

    def _found(self, key: str, genotype: Genotype) -> Latency:
        if self._table is not None:
            return self._table.predict(genotype)
        return self._kept(key) or self._measured(key, genotype)

    def _kept(self, key: str) -> Latency | None:
        try:
            return Latency(**json.loads(self._path(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _measured(self, key: str, genotype: Genotype) -> Latency:
        found = self._measure(of_network(self._params, self._keypoints, genotype))
        if not found.stable:
            logger.warning("latency of %s: not stable, spread %.3g ms", genotype, found.spread)
        with writing(self._path(key)):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._path(key), asdict(found))
        return found

    def _key(self, genotype: Genotype) -> str:
        network = phenotype(self._params.model, genotype, self._keypoints.count)
        return hashlib.blake2b(repr(network).encode(), digest_size=16).hexdigest()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


@contextlib.contextmanager
def latency_gauge(params: Params, keypoints: KeypointSchema) -> Iterator[Gauge]:
    """Open what measures the networks of a search; what is measured here has processors for itself meanwhile.

    Args:
        params: all settings.
        keypoints: what the networks' heatmaps stand for.

    Raises:
        ConfigError: there are not enough processors to set some apart.
    """
    with _meter(params.evolve.latency) as meter, Gauge(params, keypoints, meter) as gauge:
        yield gauge


@contextlib.contextmanager
def latency_table(params: Params, keypoints: KeypointSchema) -> Iterator[LatencyTable]:
    """Open the table of a search by itself; arguments and errors as of ``latency_gauge`` and of the table."""
    with _meter(params.evolve.latency) as meter:
        yield LatencyTable(params, keypoints, patient(meter, params.evolve.attempts))


@contextlib.contextmanager
def _meter(latency: LatencyConfig) -> Iterator[Meter]:
    with reserved_processors(latency) as cores, contextlib.closing(Meter(cores)) as meter:
        yield meter


@contextlib.contextmanager
def reserved_processors(latency: LatencyConfig) -> Iterator[Sequence[int]]:
    """Leave the last processors to the measurements: this process and all that it starts keep to the others."""
    if latency.source in ("none", "command") or latency.command is not None:  # nothing is measured here
        yield ()
        return
    if not hasattr(os, "sched_setaffinity"):
        logger.warning("this system binds no process to a processor: latencies are measured beside trainings")
        yield ()
        return
    cores = sorted(os.sched_getaffinity(0))
    if latency.threads >= len(cores):
        raise ConfigError(
            f"evolve.latency.threads: got {latency.threads}, must be less than the {len(cores)} processors here, "
            "which measurements and trainings do not share"
        )
    _keep_to(cores[: -latency.threads])
    try:
        yield cores[-latency.threads :]
    finally:
        _keep_to(cores)


def _keep_to(cores: Sequence[int]) -> None:
    for thread in psutil.Process().threads():
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setaffinity(thread.id, cores)

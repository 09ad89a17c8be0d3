"""Stand-ins for what a search needs, also imported by Ray workers: nothing here imports TensorFlow."""

import contextlib
import json
import os
import signal
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.data.shards import RecordsInfo, write_info
from evopose2d.errors import TrainingError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import network_size
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.latency.gauge import Gauge
from evopose2d.evolution.latency.requests import Measure
from evopose2d.evolution.results.journal import open_study
from evopose2d.evolution.sampler import Individual, Role, read_history
from evopose2d.evolution.search import evolution_sampler
from evopose2d.evolution.working.engine import Lost, MachineState, ParentWeights, Trained
from evopose2d.export.latency import Latency
from evopose2d.keypoints import COCO_PERSON, KeypointSchema
from evopose2d.training.result import EpochResult

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
ANCESTOR = "[[3,1,2,1],[3,1,3,2],[5,2,5,2],[3,2,8,2],[5,1,12,1],[5,2,14,1],[3,1,20,1]]"
TINY_ANCESTOR = [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 2, 2], [3, 1, 2, 2], [3, 1, 2, 1], [3, 1, 2, 1], [3, 1, 2, 1]]
"""Of networks of a few thousand weights, to be really trained."""
SMALL = (
    f"evolve.ancestor={ANCESTOR}",
    "evolve.ancestor_epochs=4",
    "evolve.child_epochs=2",
    "evolve.generations=2",
    "evolve.children=4",
    "evolve.parents=2",
    "evolve.attempts=2",
    "evolve.controls=false",
    "evolve.finalists=0",
    "model.input_shape=[128,96]",
    "model.head_blocks=3",
    "model.head_channels=64",
)

MEASURED = (
    "evolve.objectives=[ap,latency]",
    "evolve.latency.source=tflite",
    "evolve.controls=true",
    "evolve.finalists=1",
    "evolve.final_seeds=1",
)
"""Of a search whose networks are measured."""


def make_params(folder: Path, *overrides: str) -> Params:
    """Settings of a small search below ``folder``, whose data is there in name only."""
    paths = (f"dataset.root={folder / 'coco'}", f"write_tfrecords.root={folder / 'records'}")
    params = load_params(PARAMS_FILE, [*paths, f"evolve.root={folder / 'search'}", *SMALL, *overrides])
    for name in ("train", "val"):
        info = RecordsInfo(folder / "records" / name, people=8, images=4, skipped=0, shards=1, schema=COCO_PERSON)
        if not info.folder.exists():
            info.folder.mkdir(parents=True)
            info.files[0].write_bytes(b"records")
            write_info(info)
    annotations = folder / "coco" / "annotations" / "person_keypoints_val2017.json"
    if not annotations.exists():
        annotations.parent.mkdir(parents=True)
        annotations.write_text("{}")
    return params


def pretend_to_train(
    spec: IndividualSpec, params: Params, parent_weights: bytes | None
) -> tuple[IndividualResult, bytes]:
    """Give a result that depends on the individual's seed and genes and on its parent's weights, at once."""
    inherited = zlib.crc32(parent_weights or b"")
    rng = np.random.default_rng([spec.seed, inherited, zlib.crc32(str(spec.genotype).encode())])
    epochs = tuple(
        EpochResult(epoch, 300.0, float(rng.uniform(100, 200)), float(rng.uniform()), 1e-4, 50.0, 0.1)
        for epoch in range(1, spec.epochs + 1)
    )
    size = network_size(params.model, spec.genotype, COCO_PERSON.count)
    result = IndividualResult.of(spec, epochs, size, params.evolve, seconds=0.1, host="nowhere")
    weights = json.dumps({"genotype": spec.genotype.to_lists(), "inherited": inherited}) + " " * 100_000
    return result, weights.encode()


@dataclass(frozen=True)
class Trainer:
    """Pretends to train, notes it in ``notes``, and fails where it is told to.

    Attributes:
        notes: folder of the notes: a line of ``trained`` for each individual that was trained to its end (of
            ``finals`` for a finalist), and a file ``training-<number>`` from when an individual's training starts.
        dies_once: individuals whose process is killed the first time.
        dies: individuals whose process is killed every time.
        diverges: individuals whose loss is not a number, every time.
        seconds: how long training takes.
    """

    notes: Path
    dies_once: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()
    diverges: tuple[int, ...] = ()
    seconds: float = 0.0

    def __call__(
        self, spec: IndividualSpec, params: Params, parent_weights: bytes | None
    ) -> tuple[IndividualResult, bytes]:
        self.notes.mkdir(exist_ok=True)
        begun = self.notes / f"training-{spec.number}"
        first = not begun.exists()
        begun.touch()
        time.sleep(self.seconds)
        if spec.number in self.dies or (first and spec.number in self.dies_once):
            os.kill(os.getpid(), signal.SIGKILL)
        if spec.number in self.diverges:
            raise TrainingError("the loss became nan in epoch 1, step 1")
        with (self.notes / ("finals" if spec.role is Role.FINALIST else "trained")).open("a") as file:
            file.write(f"{spec.number}\n")
        return pretend_to_train(spec, params, parent_weights)


def trained(notes: Path, *, finals: bool = False) -> list[int]:
    """Numbers of the individuals, or of the finalists, that were trained to their end, in that order."""
    path = notes / ("finals" if finals else "trained")
    return [int(line) for line in path.read_text().split()] if path.exists() else []


class InlineEngine:
    """Trains in the driver's process, when it is waited for; the order of completion is drawn."""

    def __init__(self, params: Params, trainer=pretend_to_train, slots: int = 2, order_seed: int = 0) -> None:
        self.slots = slots
        self.submitted: list[int] = []
        self.most_at_once = 0
        self._params = params
        self._trainer = trainer
        self._rng = np.random.default_rng(order_seed)
        self._tasks: list[tuple[IndividualSpec, bytes | None]] = []
        self._given_up: list[Lost] = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    @property
    def machines(self) -> list[MachineState]:
        running = tuple(spec.number for spec, _ in self._tasks)
        return [MachineState("nowhere", self.slots, "used", "", running, 0)]

    def give_up(self, number: int, error: str) -> None:
        self._tasks = [task for task in self._tasks if task[0].number != number]
        self._given_up.append(Lost(number, error))

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        self.submitted.append(spec.number)
        self._tasks.append((spec, None if parent is None else parent.path.read_bytes()))
        self.most_at_once = max(self.most_at_once, len(self._tasks))

    def wait(self, timeout: float) -> list[Trained | Lost]:
        if not self._tasks:
            given_up, self._given_up = self._given_up, []
            return given_up
        spec, weights = self._tasks.pop(int(self._rng.integers(len(self._tasks))))
        try:
            return [Trained(spec.number, *self._trainer(spec, self._params, weights))]
        except TrainingError as error:
            return [Lost(spec.number, str(error))]


class FileTracker:
    """Records individuals as lines of a file, finalists as lines of another one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, *, finals: bool = False) -> list[tuple[int, str]]:
        path = self._path(finals)
        if not path.exists():
            return []
        return [(int(number), state) for number, state in (line.split() for line in path.read_text().splitlines())]

    def is_responsive(self) -> bool:
        return True

    def recorded(self, *, finals: bool = False) -> list[int]:
        return [number for number, _ in self.lines(finals=finals)]

    def finished(self, result: IndividualResult, folder: Path) -> None:
        assert (folder / "weights.h5").is_file()
        self._record(result, "complete")

    def failed(self, failure: IndividualFailure, folder: Path) -> None:
        assert (folder / "failure.json").is_file()
        self._record(failure, "failed")

    def _record(self, individual: IndividualResult | IndividualFailure, state: str) -> None:
        with self._path(individual.role is Role.FINALIST).open("a") as file:
            file.write(f"{individual.number} {state}\n")

    def _path(self, finals: bool) -> Path:
        return self.path.with_name(f"{self.path.name}-finals") if finals else self.path


def population(params: Params) -> list[Individual]:
    """All individuals of a search, as its study holds them."""
    sampler = evolution_sampler(params, COCO_PERSON.count)
    study = open_study(Path(params.evolve.root) / "study.journal", sampler)
    return read_history(study, sampler.settings).individuals


def run_measured(folder: Path, measure: Measure, *overrides: str, stop_at: int | None = None) -> Params:
    """Run a small search of settings ``MEASURED`` whose networks are measured as ``measure`` says."""
    params, trainer = make_params(folder, *MEASURED, *overrides), Trainer(folder / "notes")

    def training(spec, params, weights):
        if spec.number == stop_at:
            raise KeyboardInterrupt
        return trainer(spec, params, weights)

    search.run(params, engine=partial(InlineEngine, trainer=training), latencies=partial(gauged, measure=measure))
    return params


@contextlib.contextmanager
def gauged(params: Params, keypoints: KeypointSchema, measure: Measure) -> Iterator[Gauge]:
    """Open what measures a search's networks as ``measure`` says."""
    with Gauge(params, keypoints, measure) as gauge:
        yield gauge


class NotedMeter:
    """Pretends to measure, by the network's genes alone, and notes it: a line of ``measured`` for each network.

    Attributes:
        notes: folder of the notes.
        dies_at: measurement, from 0, in which the process is killed.
    """

    def __init__(self, notes: Path, dies_at: int | None = None) -> None:
        self.notes = notes
        self.dies_at = dies_at
        self._count = 0

    def __call__(self, request) -> Latency:
        genotype = request["model"]["genotype"]
        if self._count == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1
        self.notes.mkdir(exist_ok=True)
        with (self.notes / "measured").open("a") as file:
            file.write(f"{json.dumps(genotype)}\n")
        return Latency(sum(channels * repeats for _, repeats, channels, _ in genotype) / 10, 0.5, True)

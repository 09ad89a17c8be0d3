"""What an accelerator gives: training steps of the published networks, memory, sharing, and all around them.

Every figure is taken in a process of its own, as long as time allows: what would begin after that is left out and said
so. Rows are dictionaries that hold what was measured, so that a table of any accelerator can be made of them.
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.train_step import step_process
from benchmarks.training_process import PROJECT
from evopose2d.config.catalogue import network_overrides
from evopose2d.errors import TrainingError
from evopose2d.hardware import Hardware, memory_environment
from evopose2d.progress import duration

logger = logging.getLogger(__name__)

NETWORKS = ("evopose2d_xs", "evopose2d_s", "evopose2d_m", "evopose2d_l")
_COMMAND = "from evopose2d.cli import main; main()"
_LARGEST_BATCH = 4096
_GRACE = 90.0  # seconds that a process, which may compile for a minute, has beyond its part's share of the time
_SHARING = 0.5  # of a GPU, for each of two trainings
_DATA = ("dataset.synthetic.train_images=400", "dataset.synthetic.val_images=80", "dataset.synthetic.test_images=0")
_SEARCH = ("evolve.generations=1", "evolve.children=11", "evolve.ancestor_epochs=2", "evolve.child_epochs=1")

_VARIANTS = (("bfloat16", "always"), ("float32", "always"), ("bfloat16", "never"), ("float32", "never"))

_UNTIL = {"steps": 0.5, "sharing": 0.6, "largest_batch": 0.75, "around": 1.0}
"""Parts, in the order in which they are measured, and the share of all time after which nothing more of one begins."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        networks: names of published ones.
        batch_size: images of a step.
        steps: timed steps of each process, after the two that start it.
        seconds: after which nothing more is begun.
        device: of the settings' ``accelerator.device``.
        gpus: GPUs for each individual of the small search, of which two share one.
    """

    networks: Sequence[str] = NETWORKS
    batch_size: int = 64
    steps: int = 12
    seconds: float = 450.0
    device: str = "auto"
    gpus: float = _SHARING


class AcceleratorBenchmark:
    """Measures one part after the other, until its time is over.

    Args:
        params_file: settings that the published networks' replace in part.
        extent: how much is measured.
    """

    def __init__(self, params_file: Path, extent: Extent) -> None:
        self._params_file = params_file.absolute()
        self._extent = extent
        self._start = time.monotonic()
        self._until = 1.0

    def run(self) -> dict[str, list[Row]]:
        """Measure all parts: their rows by the part's name."""
        hardware = Hardware.look()
        return {
            "machine": [
                {
                    "accelerators": ", ".join(hardware.gpus) or f"{hardware.tpus} TPU chips",
                    "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
                    "cores": os.cpu_count(),
                    **hardware.packages,
                }
            ],
            **{part: list(self._part(part)) for part in _UNTIL},
        }

    def _part(self, part: str) -> Iterator[Row]:
        """Measure a part, in its share of the time and in what others before it have left."""
        self._until = _UNTIL[part]
        rows = {
            "steps": self._steps,
            "sharing": self._sharing,
            "largest_batch": self._largest_batches,
            "around": self._around,
        }
        yield from rows[part]()

    def _left(self, share: float = 1.0) -> float:
        """Return the seconds until a share of all time is over."""
        return self._start + share * self._extent.seconds - time.monotonic()

    def _steps(self) -> Iterator[Row]:
        """Measure steps: what is used most first, of every network, before what is used less."""
        for precision, xla in _VARIANTS:
            for network in self._extent.networks:
                yield self._attempt(
                    {"network": network, "precision": precision, "xla": xla},
                    lambda settings: self._step_row(settings, self._extent.batch_size),
                )

    def _sharing(self) -> Iterator[Row]:
        """Measure a training alone on the accelerator, then two at once that share its memory."""
        what = {"network": self._extent.networks[0], "precision": "bfloat16", "xla": "always"}
        for together in (1, 2):
            yield self._attempt({**what, "together": together}, lambda settings: self._together(settings))

    def _together(self, settings: Row) -> Row:
        count = settings["together"]
        environment = memory_environment(1.0 if count == 1 else _SHARING)
        overrides = self._overrides(settings, self._extent.batch_size)
        with ThreadPoolExecutor(count) as pool:
            medians = list(pool.map(lambda _: self._timed(overrides, environment)["median_s"], range(count)))
        return {"images_per_second": sum(self._extent.batch_size / median for median in medians)}

    def _largest_batches(self) -> Iterator[Row]:
        """Double the batch until it does not fit any more, for the smallest and the largest network."""
        for network in dict.fromkeys((self._extent.networks[0], self._extent.networks[-1])):
            what = {"network": network, "precision": "bfloat16", "xla": "always"}
            batch = self._extent.batch_size
            while batch <= _LARGEST_BATCH:
                row = self._attempt(
                    {**what, "batch": batch}, lambda settings: self._step_row(settings, settings["batch"])
                )
                yield row
                if "failed" in row:
                    break
                batch *= 2

    def _around(self) -> Iterator[Row]:
        """Measure what feeds an accelerator, and a small search from its beginning to its end."""
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as name:
            folder = Path(name)
            paths = (f"dataset.root={folder / 'coco'}", f"write_tfrecords.root={folder / 'records'}")
            settings = (*paths, *_DATA, f"evolve.root={folder / 'search'}", f"tracking.uri=sqlite:///{folder / 'm.db'}")

            def command(*words: str) -> Row:
                started = time.perf_counter()
                self._command(*words, "--params", str(self._params_file), *settings)
                return {"seconds": time.perf_counter() - started}

            yield self._attempt({"what": "draw and write 400 images"}, lambda _: _written(command))
            rates = folder / "pipeline.json"
            yield self._attempt(
                {"what": "input pipeline"},
                lambda _: (
                    command("benchmark", "pipeline", "--seconds", "1", "--repeats", "2", "--out", str(rates))
                    | {"people_per_second": {row["pipeline"]: row["people_per_second"] for row in _rates(rates)}}
                ),
            )
            shared = f"evolve.gpus={self._extent.gpus}"
            yield self._attempt(
                {"what": "search of 12 individuals", "sharing": shared}, lambda _: command("evolve", *_SEARCH, shared)
            )

    def _attempt(self, what: Row, measure: Any) -> Row:  # noqa: ANN401 - from the row to what is added to it
        left = self._left(self._until)
        if left <= 0:
            return {**what, "failed": "not measured: no time was left"}
        logger.info("%s (%s left)", ", ".join(map(str, what.values())), duration(left))
        try:
            return {**what, **measure(what)}
        except (TrainingError, subprocess.SubprocessError, OSError) as error:
            return {**what, "failed": str(error)}

    def _step_row(self, settings: Row, batch: int) -> Row:
        return self._timed(self._overrides(settings, batch), {})

    def _overrides(self, settings: Row, batch: int) -> list[str]:
        accelerator = {"device": self._extent.device, "precision": settings["precision"], "xla": settings["xla"]}
        chosen = [f"accelerator.{key}={value}" for key, value in accelerator.items()]
        return [*network_overrides(settings["network"]), f"train.batch_size={batch}", "train.accumulation=1", *chosen]

    def _timed(self, overrides: Sequence[str], environment: dict[str, str]) -> Row:
        limit = min(self._left(), self._left(self._until) + _GRACE)
        with step_process(PROJECT, self._params_file, overrides, environment, max(1.0, limit)) as trainer:
            for _ in range(self._extent.steps):
                trainer.step()
            answers = trainer.answers[2:]
            product = trainer.matrix_operations_per_second()
        median = statistics.median(answer["seconds"] for answer in answers)
        batch = int(next(each for each in overrides if each.startswith("train.batch_size=")).partition("=")[2])
        operations = 6 * answers[-1]["multiply_adds"] * batch / median
        return {
            "batch_size": batch,
            "median_s": median,
            "images_per_second": batch / median,
            "tera_operations": operations / 1e12,
            "of_matrix_product": operations / product,
            "start_s": trainer.second_step_s,
            "device_peak_mb": answers[-1]["device_peak_bytes"] / 1e6,
        }

    def _command(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "-c", _COMMAND, "--quiet", *words],
            check=True,
            timeout=max(1.0, self._left()),
            stdout=subprocess.DEVNULL,
            stderr=None if logger.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
        )


def _written(command: Any) -> Row:  # noqa: ANN401 - runs a stage, gives its seconds
    return {"seconds": sum(command(stage)["seconds"] for stage in ("download", "write-tfrecords"))}


def _rates(file: Path) -> list[Row]:
    rows: list[Row] = json.loads(file.read_text(encoding="utf-8"))
    return rows

"""What runs in a worker process around the training of an individual."""

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from evopose2d.config.schema import Params
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.working.engine import Trainer
from evopose2d.evolution.working.scratch import enter_worker_scratch, worker_of
from evopose2d.evolution.working.shipping import DataManifest, localise
from evopose2d.hardware import memory_environment

if TYPE_CHECKING:
    from evopose2d.data.cache import CropCache
    from evopose2d.networks.traced import TracedSegments

# MLflow would take an individual's training for the run that the project was started in.
_NOT_INHERITED = ("MLFLOW_RUN_ID",)
_INHERITED = ("KERAS_BACKEND",)


@dataclass(frozen=True)
class WorkerPlace:
    """Where workers of a search keep their temporary files.

    Attributes:
        folder: where they make folders of their own; None for the machine's own place for temporary files.
        search: key of the search.
    """

    folder: str | None
    search: str


def worker_environment(threads: int, gpus: float = 0.0) -> dict[str, str]:
    """Return the environment variables that a worker sets before it imports a numeric library.

    Args:
        threads: that a CPU operation is split among. Left alone, TensorFlow would take as many as the machine has
            processors, in every worker; sums of floats depend on how they are split, so that each machine would give
            other weights.
        gpus: GPUs for each individual; below 1, it takes no more of a GPU's memory than that.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return (
        inherited
        | memory_environment(gpus)
        | {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_NUM_INTEROP_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
        }
    )


@lru_cache(maxsize=1)
def crops_of_process(megabytes: int) -> "CropCache":
    """Return the crops that this process keeps at hand for all individuals that it trains.

    With ``functions_of_process`` it is all that outlives an individual. Ray runs plain functions in a worker process,
    one after the other, and hands them nothing of the process, so it is held here. It changes how fast an individual is
    trained, not what comes out: batches are the same with it and without.

    Args:
        megabytes: ``evolve.cache_megabytes``; another value gives another cache, and lets the former go.
    """
    from evopose2d.data.cache import CropCache

    return CropCache(megabytes)


@lru_cache(maxsize=1)
def functions_of_process() -> "TracedSegments":
    """Return the traced functions that this process keeps for all individuals that it trains.

    They are held here as the crops are, and like these change how fast an individual is trained, not what comes out.
    """
    from evopose2d.networks.traced import TracedSegments

    return TracedSegments()


def work(
    trainer: Trainer,
    spec: IndividualSpec,
    params: Params,
    parent_weights: bytes | None,
    environment: Mapping[str, str],
    offered: DataManifest | None = None,
    place: WorkerPlace | None = None,
) -> tuple[IndividualResult, bytes]:
    """Train an individual in this process.

    Args:
        trainer: trains it.
        spec: as the trainer takes it.
        params: as the trainer takes them.
        parent_weights: as the trainer takes them.
        environment: variables of this process, set before anything numeric is imported.
        offered: the data, for machines that do not have them; None where all share the driver's disk.
        place: where its temporary files go; None where they go is left to the system.
    """
    os.environ.update(environment)
    for name in _NOT_INHERITED:
        os.environ.pop(name, None)
    if place is not None:
        enter_worker_scratch(None if place.folder is None else Path(place.folder), place.search, spec.number)
    return trainer(spec, params if offered is None else localise(params, offered), parent_weights)


def end_worker(place: WorkerPlace, number: int) -> None:
    """Kill the process on this machine that trains an individual: it may be stopped, and answer to nothing else."""
    pid = worker_of(None if place.folder is None else Path(place.folder), place.search, number)
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::"):
                process.send_signal(signal.SIGKILL)

"""Make the ground truth: a sample of genotypes trained in full from random weights, by a search's own workers."""

import importlib.metadata
import logging
import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import EvolveConfig, Params
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.individuals.spaces import paper_search_space
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.signals import stop_on_signals
from evopose2d.evolution.working.engine import Engine, Trained
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.quality.sample import Job, jobs
from evopose2d.quality.table import Row, TruthTable, read_table, write_table
from evopose2d.quality.trainings import Training, run_trainings

logger = logging.getLogger(__name__)

SMALL_SETTING = (
    "dataset.source=synthetic",
    "dataset.synthetic.seed=2020",
    "dataset.synthetic.train_images=320",
    "dataset.synthetic.val_images=60",
    "dataset.synthetic.test_images=0",
    "model.input_shape=[64,32]",
    # Wide enough that a heatmap 16 high, of four strided blocks, holds as much of a Gaussian as one 32 high.
    "train.sigma=3",
    "evolve.ancestor_epochs=4",
    "evolve.batch_size=8",
    "evolve.learning_rate=0.024",
    "evolve.threads=1",
    "evolve.cpus=1",
    "evolve.tasks_per_worker=32",
)
"""What differs from ``params.yaml`` in the table of the small setting."""

_LIBRARIES = ("evopose2d", "tensorflow", "keras", "numpy")
_SETTINGS = (
    "dataset.source",
    "dataset.synthetic.seed",
    "dataset.synthetic.train_images",
    "dataset.synthetic.val_images",
    "model.architecture",
    "model.input_shape",
    "model.compound_scaling",
    "model.head_blocks",
    "model.head_channels",
    "model.final_kernel",
    "accelerator.precision",
    "train.l2",
    "train.sigma",
    "evolve.seed",
    "evolve.ancestor",
    "evolve.ancestor_epochs",
    "evolve.batch_size",
    "evolve.learning_rate",
    "evolve.flip_probability",
    "evolve.threads",
    "evolve.space.kernels",
    "evolve.space.repeats",
    "evolve.space.stride_blocks",
    "evolve.space.strided",
)


def make_truth(
    params: Params,
    path: Path,
    genotypes: int,
    *,
    engine: Callable[[Params], AbstractContextManager[Engine]] = ray_workers,
) -> TruthTable:
    """Train what a table lacks of the first ``genotypes`` of its sample, and write it after each training.

    Args:
        params: all settings; ``evolve.ancestor_epochs`` is the length of a training, ``evolve.seed`` that of the
            sample and of the trainings, and ``evolve.threads`` are the threads of each.
        path: the table, which may be there.
        genotypes: how many of the sample, the ancestor included.
        engine: opens what trains them.

    Returns:
        The table with everything that is wanted.

    Raises:
        ConfigError: a setting cannot be, or is not the one that the table was made with.
        DataError: the file is no table, or the data cannot be made.
        SearchError: another process makes this table, or some could not be trained.
        Interrupted: the user stopped it; the same command goes on.
    """
    check_search(params)
    settings = truth_settings(params)
    table = read_table(path) if path.exists() else TruthTable(settings, _made_with())
    check_settings(path, table.settings, settings)
    wanted = list(jobs(paper_search_space(params, "the ground truth"), params.evolve.seed, genotypes))
    missing = [job for job in wanted if job.key not in table.keys]
    logger.info("%s: %d of %d trainings are there", path, len(wanted) - len(missing), len(wanted))
    if not missing:
        return table
    with ExitStack() as stack:
        stack.enter_context(driver_lock(path.with_name(f".{path.name}.lock")))
        prepare_data(params)
        workers = stack.enter_context(engine(params))
        stop = stack.enter_context(stop_on_signals())
        made = _Table(path, table)
        trainings = [made.training(number, job, params.evolve) for number, job in enumerate(missing, start=1)]
        failed = run_trainings(trainings, workers, stop, params.evolve.attempts)
    if failed:
        raise SearchError(f"{path}: {len(failed)} trainings failed: {'; '.join(failed[:3])}")
    return made.table


def truth_settings(params: Params) -> dict[str, Any]:
    """Return all that determines the rows of a table, by dotted key."""
    return {key: _value(asdict(params), key) for key in _SETTINGS}


def check_settings(path: Path | str, old: Any, new: Any) -> None:  # noqa: ANN401 - JSON objects
    """Hold the settings of a table against others.

    Raises:
        ConfigError: one line with every key that differs, its old and its new value.
    """
    changes = [
        f"{key} {old.get(key)} -> {new.get(key)}" for key in sorted({*old, *new}) if old.get(key) != new.get(key)
    ]
    if changes:
        raise ConfigError(f"{path}: made with other settings: {', '.join(changes)}; restore them, or name another file")


def prepare_data(params: Params) -> None:
    """Make the dataset and its records where they are missing.

    Raises:
        DataError: they cannot be made.
    """
    # With TensorFlow, which a driver whose data are there does without.
    from evopose2d.stages import download, write_tfrecords

    download.run(params)
    records = Path(params.write_tfrecords.root)
    if not all((records / name / "info.json").exists() for name in ("train", "val")):
        write_tfrecords.run(params)


def training_seed(seed: int, job: Job) -> int:
    """Return a training's own seed, 0 .. 2**31 - 1."""
    return int(np.random.SeedSequence([seed, *job.key]).generate_state(1)[0]) >> 1


class _Table:
    """A table on the disk, to which rows come."""

    def __init__(self, path: Path, table: TruthTable) -> None:
        self.path = path
        self.table = table

    def add(self, job: Job, trained: Trained) -> None:
        self.table = self.table.with_row(_row(job, trained))
        write_table(self.path, self.table)

    def training(self, number: int, job: Job, evolve: EvolveConfig) -> Training:
        spec = IndividualSpec(
            number=number,
            generation=0,
            parent=None,
            mutation="",
            genotype=job.sampled.genotype,
            parent_genotype=None,
            epochs=evolve.ancestor_epochs,
            seed=training_seed(evolve.seed, job),
        )
        return Training(f"genotype {job.sampled.number}, replicate {job.replicate}", spec, None, partial(self.add, job))


def _row(job: Job, trained: Trained) -> Row:
    result = trained.result
    return Row(
        number=job.sampled.number,
        replicate=job.replicate,
        mutations=job.sampled.mutations,
        genotype=result.genotype,
        seed=result.seed,
        val_losses=tuple(epoch.val_loss for epoch in result.epochs),
        aps=tuple(epoch.val_ap for epoch in result.epochs),
        parameters=result.parameters,
        multiply_adds=result.multiply_adds,
        seconds=result.seconds,
    )


def _made_with() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return versions | {"python": platform.python_version(), "machine": platform.machine()}


def _value(content: Any, key: str) -> Any:  # noqa: ANN401 - any JSON value
    for name in key.split("."):
        content = content[name]
    return content

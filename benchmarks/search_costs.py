"""What a search costs besides its trainings: a small one, really run, in which every step of it is timed.

It trains its individuals for two epochs, on a few drawn images. From what the second epoch takes follows what
training and validation take in a search of the settings' length and data, against which the rest is held.
"""

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.individual_costs import IndividualCosts, Measured, measured
from benchmarks.original_start import OriginalStart, start_original
from benchmarks.stamps import DriverStamps, StampedStore, StampedTracker, StampedTrainer, stamped_workers
from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.errors import DataError
from evopose2d.evolution import search, tracked
from evopose2d.evolution.individuals.configuration import individual_params
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.tracking.recorder import SearchRecorder
from evopose2d.evolution.working.engine import Engine, Trainer
from evopose2d.evolution.working.worker import worker_environment
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.genotype import Genotype
from evopose2d.stages import download, write_tfrecords

Workers = Callable[[Params, Trainer], AbstractContextManager[Engine]]

_EPOCHS = 2
_OF_ORIGINAL = {"start_up": "seconds", "start_up_cpu": "cpu_seconds"}


@dataclass(frozen=True)
class SearchCosts:
    """What a small search cost, and what the same costs make up of a whole one.

    Attributes:
        original: from the start of a process of the original to its second step, each time.
        individuals: all of the small search, by number.
        ending: seconds after the last individual: report, drawings and champion, in MLflow.
        whole: of a search of the settings' length and data: ``minutes`` that it takes, and the shares of it that go
            to start-up, to everything else outside training and validation, and to both.
    """

    original: Sequence[OriginalStart]
    individuals: Sequence[Measured]
    ending: float
    whole: dict[str, float]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each part of the costs, in seconds: medians, and least and most of the later individuals."""
        first, later = _by_worker(self.individuals)
        rows = []
        for part in (field.name for field in fields(IndividualCosts)):
            values = [getattr(each.costs, part) for each in later]
            name = _OF_ORIGINAL.get(part)
            original = median(getattr(each, name) for each in self.original) if self.original and name else None
            rows.append(
                {
                    "part": part,
                    "original": "" if original is None else original,
                    "first_of_worker": median(getattr(each.costs, part) for each in first),
                    "later": median(values),
                    "least": min(values),
                    "most": max(values),
                    "of_original": "" if original is None else median(values) / original,
                }
            )
        return rows


def measure(
    params: Params,
    *,
    children: int,
    images: int,
    rounds: int,
    workers: Workers = ray_workers,
    tracking_uri: str | None = None,
) -> SearchCosts:
    """Run a small search in a temporary folder, and time it.

    Args:
        params: all settings; the search's are taken, except for its length and its data.
        children: individuals after the ancestor: several for each that is trained at once.
        images: drawn for training, and half as many for validation.
        rounds: times that the original is started, as many processes at once as individuals are trained; half of
            them before the search, since the machine may change meanwhile.
        workers: opens what trains the individuals.
        tracking_uri: of MLflow; None: a database in the temporary folder.

    Raises:
        DataError: there are too few images for two steps.
        EvoPoseError: as a search raises them.
    """
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as name, contextlib.chdir(name):
        uri = tracking_uri or f"sqlite:///{Path(name) / 'mlflow.db'}"
        small = _small(params, Path(name), children=children, images=images, tracking_uri=uri)
        download.run(small)
        write_tfrecords.run(small)
        people = _people(small)
        if people["train"] <= small.evolve.batch_size:
            raise DataError(f"--images {images}: drew {people['train']} people, must be more than evolve.batch_size")
        original = _original(small, rounds - rounds // 2)
        individuals, ending = _run(small, Path(name), workers)
        original += _original(small, rounds // 2)
    whole = _whole(params, _people_of(params, people, images), individuals, ending)
    return SearchCosts(original, individuals, ending, whole)


def _small(params: Params, folder: Path, *, children: int, images: int, tracking_uri: str) -> Params:
    synthetic = replace(params.dataset.synthetic, train_images=images, val_images=-(-images // 2), test_images=0)
    evolve = replace(
        params.evolve,
        root=str(folder / "search"),
        generations=1,
        children=children,
        ancestor_epochs=_EPOCHS,
        child_epochs=_EPOCHS,
        ray_address=None,
        stopping="none",
        controls=False,
        finalists=0,
    )
    return replace(
        params,
        dataset=replace(params.dataset, source="synthetic", root=str(folder / "coco"), synthetic=synthetic),
        write_tfrecords=replace(params.write_tfrecords, root=str(folder / "records")),
        tracking=replace(params.tracking, uri=tracking_uri),
        evolve=evolve,
    )


def _original(params: Params, rounds: int) -> list[OriginalStart]:
    ancestor = Genotype.from_lists(params.evolve.ancestor)
    settings = individual_params(params, IndividualSpec(0, 0, None, "", ancestor, None, _EPOCHS, params.evolve.seed))
    environment = worker_environment(params.evolve.threads)
    return [each for _ in range(rounds) for each in start_original(settings, environment, _slots(params))]


def _slots(params: Params) -> int:
    room = max(1, math.floor((os.cpu_count() or 1) / params.evolve.cpus))
    return min(room, params.evolve.workers) if params.evolve.workers else room


def _run(params: Params, folder: Path, workers: Workers) -> tuple[list[Measured], float]:
    """Return all individuals of a search, and how long it takes to end it."""
    # Workers step back behind other programs. The original's process, which they are held against, does not.
    os.environ.setdefault("RAY_worker_niceness", "0")
    trainer, stamps = StampedTrainer(folder / "stamps"), DriverStamps()
    recorder = SearchRecorder(params.tracking, Path(params.evolve.root))
    search.run(
        params,
        StampedTracker(recorder, stamps),
        engine=lambda given: stamped_workers(workers(given, trainer), stamps),
        store=lambda root: StampedStore(root, stamps),
    )
    start = time.perf_counter()
    tracked.finish(params, recorder)
    ending = time.perf_counter() - start
    results = StampedStore(Path(params.evolve.root), stamps).results()
    people = _people(params)["val"]
    return [
        measured(
            result,
            trainer.read(result.number),
            stamps.times[result.number],
            batch_size=params.evolve.batch_size,
            val_people=people,
        )
        for result in results
    ], ending


def _people(params: Params) -> dict[str, int]:
    return {name: read_info(Path(params.write_tfrecords.root) / name).people for name in ("train", "val")}


def _people_of(params: Params, drawn: dict[str, int], images: int) -> dict[str, float]:
    """Return the people of the records; where there are none yet, as many as the drawn images would have."""
    try:
        return dict(_people(params))
    except DataError:
        synthetic, people_per_image = params.dataset.synthetic, drawn["train"] / images
        wanted = {"train": synthetic.train_images, "val": synthetic.val_images}
        return {name: count * people_per_image for name, count in wanted.items()}


def _by_worker(individuals: Sequence[Measured]) -> tuple[list[Measured], list[Measured]]:
    """Return the individuals that were the first of their worker, and those after them."""
    first = {each.process: each.number for each in reversed(individuals)}
    return (
        [each for each in individuals if each.number in first.values()],
        [each for each in individuals if each.number not in first.values()],
    )


def _whole(
    params: Params, people: dict[str, float], individuals: Sequence[Measured], ending: float
) -> dict[str, float]:
    """Work out a search of the settings' length: the ancestor alone, then its children beside each other."""
    evolve, slots = params.evolve, _slots(params)
    (ancestor, *first), later = _by_worker(individuals)
    children = evolve.generations * evolve.children
    starts = min(children, slots * math.ceil(children / (slots * evolve.tasks_per_worker)))
    kinds = ([ancestor], 1.0), (first or [ancestor], starts / slots), (later, (children - starts) / slots)
    steps = math.ceil(people["train"] / evolve.batch_size)
    start_up = besides = training = 0.0
    for kind, (group, count) in enumerate(kinds):
        epochs = evolve.child_epochs if kind else evolve.ancestor_epochs
        step, person = (median(getattr(each.pace, name) for each in group) for name in ("step", "person"))
        training += count * epochs * (steps * step + people["val"] * person)
        # The first two steps are training as well.
        start_up += count * (median(each.costs.start_up for each in group) - 2 * step)
        besides += count * median(each.costs.besides for each in group)
    besides += ending
    whole = start_up + besides + training
    return {
        "minutes": whole / 60,
        "start_up_share": start_up / whole,
        "besides_share": besides / whole,
        "share": (start_up + besides) / whole,
    }

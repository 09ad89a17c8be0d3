"""Run a search: everything a driver needs, opened in order and closed again."""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.evolution.data_guard import DataGuard
from evopose2d.evolution.driver import Driver
from evopose2d.evolution.finals import Finals
from evopose2d.evolution.individuals.configuration import check_search, evolution_sampler, network_size
from evopose2d.evolution.individuals.initial_weights import find_initial_weights
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.latency.engine import MeasuringEngine
from evopose2d.evolution.latency.gauge import Gauge, latency_gauge
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.results.finalists import FinalSettings
from evopose2d.evolution.results.identity import check_identity, data_identity, search_identity
from evopose2d.evolution.results.journal import open_study
from evopose2d.evolution.results.progress import Status, live_table
from evopose2d.evolution.sampler import History, Individual, gain, select
from evopose2d.evolution.session import Session
from evopose2d.evolution.signals import stop_on_signals
from evopose2d.evolution.supervision import supervised
from evopose2d.evolution.tracking.tracker import BackgroundTracking, Tracker
from evopose2d.evolution.working.engine import INITIAL, Engine, ParentWeights
from evopose2d.evolution.working.shipping import data_files
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.keypoints import KeypointSchema
from evopose2d.training.fitting import fitted

logger = logging.getLogger(__name__)

_BEST = 5


def run(
    params: Params,
    tracker: Tracker | None = None,
    *,
    engine: Callable[[Params], AbstractContextManager[Engine]] = ray_workers,
    store: Callable[[Path], SearchStore] = SearchStore,
    latencies: Callable[[Params, KeypointSchema], AbstractContextManager[Gauge]] = latency_gauge,
) -> list[dict[str, Any]]:
    """Run the search of section ``evolve``, or go on with it where it stopped.

    Args:
        params: all settings.
        tracker: records individuals as they finish; what it raises never stops the search.
        engine: opens what trains the individuals.
        store: opens the search directory.
        latencies: opens what measures networks, where the settings ask for it.

    Returns:
        The best individuals, best first, a row each.

    Raises:
        ConfigError: a setting cannot be, or is not the one that the search was started with.
        DataError: the records or annotations are missing, or change while the search runs.
        SearchError: another driver runs the search, a file cannot be written, or all possible parents failed.
        Interrupted: the user stopped it.
    """
    check_search(params)
    root = Path(params.write_tfrecords.root)
    records = {name: read_info(root / name) for name in ("train", "val")}
    for each in records.values():
        each.check_covered((params.model.input_shape[0], params.model.input_shape[1]))
    keypoints = records["train"].schema.count
    files = store(Path(params.evolve.root))
    sampler = evolution_sampler(params, keypoints)
    with ExitStack() as stack:
        stack.enter_context(driver_lock(files.lock_path))
        tracking = stack.enter_context(BackgroundTracking(tracker, files))
        trainer = _opened(stack, params, engine, partial(latencies, params, records["train"].schema))
        stop = stack.enter_context(stop_on_signals())
        workers = DataGuard(trainer, data_files(params).values(), partial(data_identity, params, records))
        if not files.identity_path.exists():
            # Where nothing can ever train, no search is begun that other settings could not go on with.
            _ = workers.slots
        watched = stack.enter_context(supervised(workers, params.evolve, files.root))
        initial = find_initial_weights(params)
        check_identity(files.identity_path, search_identity(params, records, initial))
        _tell_batch(params, records["train"].people)
        study = open_study(files.journal_path, sampler)
        table = stack.enter_context(live_table(Console(stderr=True, markup=False)))

        def show(status: Status) -> None:
            table(status)
            watched.show(status)

        start = None if initial is None else ParentWeights(INITIAL, initial.path)
        session = Session(files, watched, tracking, stop, show, initial=start)
        individuals = Driver(params, study, sampler, session).run()
        Finals(params, individuals, session).run()
    return best_rows(params, individuals.values(), keypoints)


def _tell_batch(params: Params, people: int) -> None:
    """Say once what every training does where a batch would be larger than the set."""
    evolve = params.evolve
    settings = replace(params.train, batch_size=evolve.batch_size, accumulation=evolve.accumulation, warmup_epochs=0)
    for line in fitted(settings, people, section="evolve")[1]:
        logger.info("%s", line)


def _opened(
    stack: ExitStack,
    params: Params,
    engine: Callable[[Params], AbstractContextManager[Engine]],
    gauge: Callable[[], AbstractContextManager[Gauge]],
) -> Engine:
    """Open what trains individuals, and what measures their networks where that is wanted."""
    if params.evolve.latency.source == "none":
        return stack.enter_context(engine(params))
    measured = stack.enter_context(gauge())  # sets processors apart before workers start
    return MeasuringEngine(stack.enter_context(engine(params)), measured)


def best_rows(
    params: Params, individuals: Iterable[Individual], keypoints: int, count: int = _BEST
) -> list[dict[str, Any]]:
    """Return a row for each of the best individuals, best first, as ``evolve.selection`` ranks them."""
    history = History(individuals)
    return [
        {
            "number": each.number,
            "generation": each.generation,
            "parent": "" if each.parent is None else each.parent,
            "fitness": each.fitness,
            "gain": gain(history, each),
            "AP": each.ap,
            "parameters": each.parameters,
            **({"latency_ms": each.measurements["latency"]} if "latency" in each.measurements else {}),
            "gmacs": network_size(params.model, each.genotype, keypoints).multiply_adds / 1e9,
        }
        for each in select(history.individuals, count, FinalSettings.of(params.evolve).strategy)
    ]

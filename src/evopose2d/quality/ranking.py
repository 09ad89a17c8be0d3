"""How well a search's short trainings rank genotypes that have been trained in full.

The same genotypes, random walks from the ancestor, are trained in full from random weights, and as a search trains its
children: with the weights of the trained ancestor, for few epochs.
"""

import itertools
import json
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.errors import DataError, SearchError
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.individuals.spaces import paper_search_space, search_space
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.results.identity import search_identity
from evopose2d.evolution.signals import StopRequest, stop_on_signals
from evopose2d.evolution.working.engine import Engine, ParentWeights, Trained
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.files import replacing, write_json
from evopose2d.fitness import fitness
from evopose2d.genotype import Genotype, describe_mutation
from evopose2d.quality.agreement import Agreement, Rule, Score, agreement, mean, score
from evopose2d.quality.sample import Sampled, sample
from evopose2d.quality.table import TruthTable
from evopose2d.quality.trainings import Training, run_trainings
from evopose2d.quality.truth import check_settings, truth_settings

logger = logging.getLogger(__name__)

Workers = Callable[[Params], AbstractContextManager[Engine]]

# What the rules vary, and what no training hangs on.
_VARIED = (
    "child_epochs",
    "inheritance",
    "random_numbers",
    "generations",
    "children",
    "parents",
    "schedule",
    "selection",
    "population",
    "tournament",
    "screening",
    "mutations",
)
_FULL, _RANKED = 0, 1  # of seeds
_MOST = 20_000  # genotypes of a sample to look at


def rank(
    params: Params,
    folder: Path,
    judged_by: Sequence[Rule],
    *,
    genotypes: int,
    full_epochs: int,
    full_seeds: int,
    table: TruthTable | None = None,
    engine: Workers = ray_workers,
) -> list[Agreement]:
    """Train what a folder lacks, and hold the rules' ranks against those of the trainings in full.

    Args:
        params: all settings; the ancestor is trained for ``evolve.ancestor_epochs``.
        folder: of the results, one file a training.
        judged_by: the rules.
        genotypes: how many to rank; at most as many as a table has.
        full_epochs: of a training in full, from random weights.
        full_seeds: trainings in full of each genotype; their mean is the truth. From two on, a first row tells how
            well two trainings in full agree with each other, which no rule can be expected to exceed by much.
        table: of trainings in full with these settings, instead of ``full_epochs`` and ``full_seeds``.
        engine: opens what trains.

    Returns:
        A row for each rule.

    Raises:
        ConfigError: a setting cannot be, or is not the one of the folder's results or of the table.
        DataError: the records are missing, or a result cannot be read.
        SearchError: another process works on the folder, or a training failed.
        Interrupted: the user stopped it; the same command goes on.
    """
    check_search(params)
    records = {name: read_info(Path(params.write_tfrecords.root) / name) for name in ("train", "val")}
    known = None if table is None else _of_table(params, table)
    walks = _walks(params, genotypes, known)
    with ExitStack() as stack:
        stack.enter_context(driver_lock(folder / "driver.lock"))
        _check_folder(folder, search_identity(params, records))
        results = _Results(params, folder, stack.enter_context(stop_on_signals()), engine)
        results.ancestor()
        full = [] if known else [results.full(walks, full_epochs, replicate) for replicate in range(full_seeds)]
        judged = [results.judged(walks, rule) for rule in judged_by]
    truth = [known[each.number] for each in walks] if known else _means(full)
    between = [agreement(Rule(full_epochs, "from scratch", "individual"), *full[:2])] if full[1:] else []
    return between + [agreement(rule, truth, found) for rule, found in zip(judged_by, judged, strict=True)]


def _means(trainings: Sequence[Sequence[Score]]) -> list[Score]:
    return [mean(several) for several in zip(*trainings, strict=True)]


def _of_table(params: Params, table: TruthTable) -> dict[int, Score]:
    """Return the mean scores of a table's genotypes, by number."""
    check_settings("the table", table.settings, truth_settings(params))
    target, exponent = params.evolve.target_parameters, params.evolve.size_exponent
    scores: dict[int, list[Score]] = {}
    for row in table.rows:
        fittest = fitness(row.val_loss, row.parameters, target_parameters=target, exponent=exponent)
        scores.setdefault(row.number, []).append((fittest, -row.ap))
    return {number: mean(several) for number, several in scores.items()}


def _walks(params: Params, genotypes: int, known: Container[int] | None) -> list[Sampled]:
    """Return genotypes of the sample that a search may come to: those that mutations led to.

    Args:
        params: all settings.
        genotypes: how many.
        known: numbers of those that may be chosen; None: all.

    Raises:
        DataError: there are too few.
    """
    walks: list[Sampled] = []
    for each in itertools.islice(sample(paper_search_space(params, "the ground truth"), params.evolve.seed), _MOST):
        if each.mutations and (known is None or each.number in known):
            walks.append(each)
        if len(walks) == genotypes:
            return walks
    raise DataError(f"got a table with {len(walks)} random walks, must be at least {genotypes}")


class _Results:
    """The results of a folder; what is missing is trained when it is asked for."""

    def __init__(self, params: Params, folder: Path, stop: StopRequest, engine: Workers) -> None:
        self._params = params
        self._ancestor = search_space(params).ancestor
        self._folder = folder
        self._stop = stop
        self._engine = engine
        self._weights = folder / "ancestor.weights.h5"

    def ancestor(self) -> None:
        """Train the ancestor from which all inherit."""
        spec = self._spec(0, self._ancestor, self._params.evolve.ancestor_epochs, _seed(self._params, _RANKED))
        path = self._folder / "ancestor.json"
        if not (path.exists() and self._weights.exists()):
            self._train(self._params, [Training("ancestor", spec, None, partial(self._keep_ancestor, path))])

    def full(self, walks: Sequence[Sampled], epochs: int, replicate: int) -> list[Score]:
        """Return the scores of trainings from random weights, each with a seed of its own."""
        return self._all(self._params, f"full-{epochs}-{replicate}", walks, partial(self._full, epochs, replicate))

    def judged(self, walks: Sequence[Sampled], rule: Rule) -> list[Score]:
        """Return the scores of trainings as a search's."""
        evolve = replace(self._params.evolve, inheritance=rule.inheritance, child_epochs=rule.epochs)
        return self._all(replace(self._params, evolve=evolve), rule.name, walks, partial(self._judged, rule))

    def _full(self, epochs: int, replicate: int, each: Sampled) -> tuple[IndividualSpec, ParentWeights | None]:
        seed = _seed(self._params, _FULL, each.number, replicate)
        return self._spec(each.number, each.genotype, epochs, seed), None

    def _judged(self, rule: Rule, each: Sampled) -> tuple[IndividualSpec, ParentWeights | None]:
        own = () if rule.random_numbers == "common" else (each.number,)
        spec = self._spec(each.number, each.genotype, rule.epochs, _seed(self._params, _RANKED, 1, *own))
        if rule.inheritance == "none":
            return spec, None
        return replace(spec, parent=0, parent_genotype=self._ancestor), ParentWeights(0, self._weights)

    def _spec(self, number: int, genotype: Genotype, epochs: int, seed: int) -> IndividualSpec:
        mutation = describe_mutation(self._ancestor, genotype)
        return IndividualSpec(number, 1 if number else 0, None, mutation, genotype, None, epochs, seed)

    def _all(
        self,
        params: Params,
        name: str,
        walks: Sequence[Sampled],
        prepare: Callable[[Sampled], tuple[IndividualSpec, ParentWeights | None]],
    ) -> list[Score]:
        paths = {each.number: self._folder / name / f"{each.number:04d}.json" for each in walks}
        missing = [each for each in walks if not paths[each.number].exists()]
        trainings = [
            Training(f"{name}, genotype {each.number}", *prepare(each), partial(_keep, paths[each.number]))
            for each in missing
        ]
        self._train(params, trainings)
        return [score(_read(path)) for path in paths.values()]

    def _train(self, params: Params, trainings: Sequence[Training]) -> None:
        if not trainings:
            return
        with self._engine(params) as workers:
            failed = run_trainings(trainings, workers, self._stop, params.evolve.attempts)
        if failed:
            raise SearchError(f"{self._folder}: {len(failed)} trainings failed: {'; '.join(failed[:3])}")

    def _keep_ancestor(self, path: Path, trained: Trained) -> None:
        with replacing(self._weights) as temporary:
            temporary.write_bytes(trained.weights)
        _keep(path, trained)


def _keep(path: Path, trained: Trained) -> None:
    write_json(path, trained.result.to_json())


def _read(path: Path) -> IndividualResult:
    try:
        return IndividualResult.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: cannot be read ({error!r}); with it removed, the same command trains it again"
        ) from None


def _seed(params: Params, *entropy: int) -> int:
    return int(np.random.SeedSequence([params.evolve.seed, *entropy]).generate_state(1)[0]) >> 1


def _check_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    settings = {key: value for key, value in identity.items() if key.removeprefix("evolve.") not in _VARIED}
    path = folder / "settings.json"
    if not path.exists():
        write_json(path, settings)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    check_settings(path, stored, json.loads(json.dumps(settings)))

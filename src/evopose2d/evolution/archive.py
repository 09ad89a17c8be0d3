"""A search as it lies in its directory: read while a driver runs it as well as afterwards."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from evopose2d.config.schema import ModelConfig
from evopose2d.evolution.identity import read_identity
from evopose2d.evolution.journal import read_study
from evopose2d.evolution.sampler import EvolutionSettings, Individual, State, read_history, select
from evopose2d.evolution.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.store import SearchStore
from evopose2d.genotype import Genotype, SearchSpace


@dataclass(frozen=True)
class SearchArchive:
    """What a search has come to.

    Attributes:
        root: the search directory.
        id: text, another for each search.
        started: ISO time.
        settings: what it was started with, by dotted key.
        individuals: all that have a genotype, by number.
        results: of those that have been trained, by number.
        failures: of those that could not be trained, by number.
    """

    root: Path
    id: str
    started: str
    settings: Mapping[str, Any]
    individuals: list[Individual]
    results: Mapping[int, IndividualResult]
    failures: Mapping[int, IndividualFailure]

    @property
    def finished(self) -> list[int]:
        """Numbers of the individuals that are complete or failed."""
        return [each.number for each in self.individuals if each.state is not State.RUNNING]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be trained."""
        return bool(self.individuals) and len(self.finished) == len(self.individuals)

    @property
    def total(self) -> int:
        """How many individuals the search is to have."""
        return 1 + self.settings["evolve.generations"] * self.settings["evolve.children"]

    def best(self, count: int) -> list[Individual]:
        """Give the best individuals, best first, as the search's own selection ranks them."""
        complete = [each for each in self.individuals if each.state is State.COMPLETE]
        return select(complete, count, self.settings["evolve.selection"])

    def model_config(self, genotype: Genotype, now: ModelConfig) -> ModelConfig:
        """Give what an individual's network is built from.

        Args:
            genotype: of the individual.
            now: section ``model`` as it is now, for keys that the search's version did not have yet.
        """
        searched = {
            field.name: self.settings[key] for field in fields(now) if (key := f"model.{field.name}") in self.settings
        }
        return replace(now, **(searched | {"genotype": genotype.to_lists()}))


def generation_done(finished: Collection[int], children: int) -> int:
    """Give the last generation that is finished, with all before it; -1 before the ancestor is.

    Args:
        finished: numbers of the finished individuals.
        children: individuals in a generation.
    """
    numbers = frozenset(finished)
    unbroken = next(number for number in itertools.count() if number not in numbers)
    return (unbroken - 1) // children if unbroken else -1


def read_search(root: Path) -> SearchArchive:
    """Read a search.

    Raises:
        SearchError: there is none at ``root``, or it cannot be read.
    """
    store = SearchStore(root)
    identity = read_identity(store.identity_path)
    settings = identity["settings"]
    individuals = read_history(read_study(store.journal_path), _sampler_settings(settings)).individuals
    finished = {state: [each.number for each in individuals if each.state is state] for state in State}
    results = {number: store.read_result(number) for number in finished[State.COMPLETE]}
    failures = {number: store.read_failure(number) for number in finished[State.FAILED]}
    return SearchArchive(
        root=root,
        id=identity["id"],
        started=identity["started"],
        settings=settings,
        individuals=individuals,
        results={number: result for number, result in results.items() if result is not None},
        failures={number: failure for number, failure in failures.items() if failure is not None},
    )


def _sampler_settings(settings: Mapping[str, Any]) -> EvolutionSettings:
    space = SearchSpace(
        Genotype.from_lists(settings["evolve.ancestor"]),
        kernels=tuple(settings["evolve.space.kernels"]),
        repeats=tuple(settings["evolve.space.repeats"]),
        stride_blocks=settings["evolve.space.stride_blocks"],
        strided=tuple(settings["evolve.space.strided"]),
    )
    return EvolutionSettings(space, children=settings["evolve.children"])

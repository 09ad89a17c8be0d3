"""A search as it lies in its directory: read while a driver runs it as well as afterwards."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from evopose2d.evolution.individuals.spaces import space_of_settings
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.finalists import FinalSettings, final_specs, is_result_of
from evopose2d.evolution.results.identity import read_identity
from evopose2d.evolution.results.journal import read_study
from evopose2d.evolution.results.lineage import LOSS_AND_SIZE
from evopose2d.evolution.results.population import Population, SearchSize
from evopose2d.evolution.results.trade_off import TradeOff
from evopose2d.evolution.results.verdict import Verdict
from evopose2d.evolution.sampler import (
    FITNESS_ALONE,
    EvolutionSettings,
    History,
    Individual,
    Objective,
    Role,
    State,
    find_objectives,
    gain,
    ranks_by_ap,
    read_history,
    select,
)
from evopose2d.genotype import Genotype
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import find_architecture, read_model


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
        finals: results of the finalists that have been trained, by their own numbers.
        final_failures: of the finalists that could not be trained, by their own numbers.
    """

    root: Path
    id: str
    started: str
    settings: Mapping[str, Any]
    individuals: list[Individual]
    results: Mapping[int, IndividualResult]
    failures: Mapping[int, IndividualFailure]
    finals: Mapping[int, IndividualResult] = field(default_factory=dict)
    final_failures: Mapping[int, IndividualFailure] = field(default_factory=dict)

    @property
    def finished(self) -> list[int]:
        """Numbers of the individuals that are complete or failed."""
        return [each.number for each in self.individuals if each.state is not State.RUNNING]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be trained."""
        specs = final_specs(FinalSettings.of_settings(self.settings), self.individuals)
        finals_left = {spec.number for spec in specs} - {*self.finals, *self.final_failures}
        return bool(self.individuals) and len(self.finished) == len(self.individuals) and not finals_left

    @property
    def total(self) -> int:
        """How many individuals the search is to have; with controls, an estimate until the last child is there."""
        return SearchSize.of_settings(self.settings).total(Population(self.individuals))

    @cached_property
    def verdict(self) -> Verdict | TradeOff | None:
        """What the finals have come to; None without any, or before there is anything to compare."""
        ancestor = next((each.number for each in self.individuals if each.parent is None), 0)
        if len(self.objectives) > 1:
            return TradeOff.of(self.finals.values(), ancestor, self.objectives)
        finals = FinalSettings.of_settings(self.settings)
        return Verdict.of(self.finals.values(), ancestor, by_ap=ranks_by_ap(finals.selection, finals.objectives))

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What the search is for."""
        return find_objectives(FinalSettings.of_settings(self.settings).objectives)

    @property
    def predicts_latency(self) -> bool:
        """Whether latencies are predicted, not measured."""
        return self.settings.get("evolve.latency.source") == "table"

    @property
    def front_objectives(self) -> tuple[Objective, ...]:
        """Of what the Pareto front is drawn: the search's objectives; of a single one, val loss against parameters."""
        return self.objectives if len(self.objectives) > 1 else LOSS_AND_SIZE

    @cached_property
    def gains(self) -> dict[int, float]:
        """How far children are ahead of their controls in fitness, by number; of those with a complete control."""
        history = History(self.individuals)
        gains = {each.number: gain(history, each) for each in self.individuals}
        return {number: value for number, value in gains.items() if value is not None}

    def best(self, count: int) -> list[Individual]:
        """Return the best individuals that are no controls, best first.

        Finalists come first, as the finals rank them, then all others, as the search's own selection does.
        """
        ranks = {} if self.verdict is None else {each.individual: each for each in self.verdict.standings}
        by_number = {each.number: each for each in self.individuals}
        best = [by_number[number] for number in ranks][:count]
        selection, left = FinalSettings.of_settings(self.settings).strategy, count - len(best)
        return [*best, *select(self.individuals, left, selection, lambda each: each.number not in ranks)]

    def generations_done(self) -> list[list[Individual]]:
        """Return the generations that are finished with all before them, oldest first; controls are among them.

        In the steady state a generation is as many children as would be one, with the controls between them: by place
        in the family tree it would be of any depth.
        """
        generations: list[list[Individual]] = []
        for individual, generation in zip(self.individuals, self._generations(), strict=True):
            generations += [[] for _ in range(len(generations), generation + 1)]
            generations[generation].append(individual)
        return list(itertools.takewhile(self._is_done, generations))

    def _is_done(self, generation: list[Individual]) -> bool:
        children = sum(each.role is Role.CHILD for each in generation)
        whole = children >= self.settings["evolve.children"] or any(each.parent is None for each in generation)
        return whole and all(each.state is not State.RUNNING for each in generation)

    def _generations(self) -> list[int]:
        """Return each individual's generation, by order of birth in the steady state."""
        if self.settings["evolve.schedule"] == "generational":
            return [each.generation for each in self.individuals]
        children, generations = 0, []
        for individual in self.individuals:
            root = individual.parent is None
            generations.append(0 if root else 1 + children // self.settings["evolve.children"])
            children += individual.role is Role.CHILD
        return generations

    def model_config(self, genotype: Genotype, now: ModelConfig) -> ModelConfig:
        """Return what an individual's network is built from.

        Args:
            genotype: of the individual.
            now: section ``model`` as it is now, for keys that the search's version did not have yet. Those that it
                had and that are no more are passed over.
        """
        section = {
            key.removeprefix("model."): value for key, value in self.settings.items() if key.startswith("model.")
        }
        architecture = section.get("architecture", now.architecture)
        known = {item.name for item in fields(find_architecture(architecture).config)}
        searched = {key: value for key, value in section.items() if key in known}
        others = asdict(now) if now.architecture == architecture else {}
        return read_model({**others, **searched, **genotype.model_settings})


def read_search(root: Path) -> SearchArchive:
    """Read a search.

    Raises:
        SearchError: there is none at ``root``, or it cannot be read.
    """
    store = SearchStore(root)
    identity = read_identity(store.identity_path)
    settings = identity["settings"]
    individuals = read_history(
        read_study(store.journal_path),
        EvolutionSettings(space_of_settings(settings), objectives=settings.get("evolve.objectives", FITNESS_ALONE)),
    ).individuals
    finished = {state: [each.number for each in individuals if each.state is state] for state in State}
    results = {number: store.read_result(number) for number in finished[State.COMPLETE]}
    failures = {number: store.read_failure(number) for number in finished[State.FAILED]}
    specs = final_specs(FinalSettings.of_settings(settings), individuals)
    finals = {spec.number: store.of(spec.role).read_result(spec.number) for spec in specs}
    lost = {spec.number: store.of(spec.role).read_failure(spec.number) for spec in specs}
    return SearchArchive(
        root=root,
        id=identity["id"],
        started=identity["started"],
        settings=settings,
        individuals=individuals,
        results={number: result for number, result in results.items() if result is not None},
        failures={number: failure for number, failure in failures.items() if failure is not None},
        finals={
            spec.number: final
            for spec in specs
            if (final := finals[spec.number]) is not None and is_result_of(final, spec)
        },
        final_failures={
            spec.number: failure
            for spec in specs
            if (failure := lost[spec.number]) is not None and failure.genotype == spec.genotype
        },
    )

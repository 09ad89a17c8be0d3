"""Who takes part in the finals of a search, and what each is trained from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.sampler import FITNESS_ALONE, Individual, Role, Selection, State, find_selection, select

FINAL_REPEATS = 10
"""Trainings of one network at most; more would not be told apart by their numbers."""
_FINAL = 2
"""Sets the seeds of finals apart from those of individuals."""


@dataclass(frozen=True)
class FinalSettings:
    """What a search is told of its finals.

    Attributes:
        count: networks that take part besides the ancestor's; 0: there are no finals.
        epochs: of each training.
        repeats: trainings of each network, each with a seed of its own, 1 to 10.
        seed: of the search.
        selection: who is better in the search.
        objectives: what the search is for.
    """

    count: int
    epochs: int
    repeats: int
    seed: int
    selection: str
    objectives: tuple[str, ...] = FITNESS_ALONE

    @classmethod
    def of(cls, evolve: EvolveConfig) -> Self:
        """Return the settings of section ``evolve``."""
        return cls(
            evolve.finalists,
            evolve.final_epochs,
            evolve.final_seeds,
            evolve.seed,
            evolve.selection,
            tuple(evolve.objectives),
        )

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Return those that a search was started with; one from before there were finals has none."""
        return cls(
            settings.get("evolve.finalists", 0),
            settings.get("evolve.final_epochs", 1),
            settings.get("evolve.final_seeds", 1),
            settings["evolve.seed"],
            settings["evolve.selection"],
            tuple(settings.get("evolve.objectives", FITNESS_ALONE)),
        )

    @property
    def strategy(self) -> Selection:
        """Who is better in the search."""
        return find_selection(self.selection, objectives=self.objectives)

    @property
    def trainings(self) -> int:
        """How many trainings the finals are."""
        return (1 + self.count) * self.repeats if self.count else 0


def final_specs(settings: FinalSettings, individuals: Iterable[Individual]) -> list[IndividualSpec]:
    """Return all trainings of the finals: of each seed in turn those of all networks, so that these come together.

    Everybody starts from where the ancestor started, not from what it inherited in the search: for how long, and from
    whom, must not count.

    Args:
        settings: of the finals.
        individuals: all of the search.
    """
    chosen = finalists(individuals, settings.count, settings.strategy)
    return [_spec(settings, each, repeat) for repeat in range(settings.repeats) for each in chosen]


def finalists(individuals: Iterable[Individual], count: int, selection: str | Selection) -> list[Individual]:
    """Return whose networks take part: the ancestor, then the best of other genotypes, best first.

    Args:
        individuals: all of the search.
        count: how many besides the ancestor.
        selection: who is better, as the search ranks them.

    Returns:
        Individuals; none where the ancestor or everybody else is missing.
    """
    everyone = list(individuals)
    complete = [each for each in everyone if each.state is State.COMPLETE and each.role is not Role.CONTROL]
    ancestor = min((each for each in complete if each.parent is None), key=lambda each: each.number, default=None)
    if ancestor is None or count == 0:
        return []
    others = select(everyone, count, selection, lambda each: each.genotype != ancestor.genotype)
    return [ancestor, *others] if others else []


def is_result_of(result: IndividualResult, spec: IndividualSpec) -> bool:
    """Return whether a result is what a finalist's training gives, and not one of other finals."""
    trained = (result.genotype, result.seed, len(result.epochs), result.parent)
    return trained == (spec.genotype, spec.seed, spec.epochs, spec.parent)


def _spec(settings: FinalSettings, individual: Individual, repeat: int) -> IndividualSpec:
    return IndividualSpec(
        number=individual.number * FINAL_REPEATS + repeat,
        generation=individual.generation,
        parent=individual.number,
        mutation="",
        genotype=individual.genotype,
        parent_genotype=None,
        epochs=settings.epochs,
        seed=int(np.random.SeedSequence([settings.seed, repeat, _FINAL]).generate_state(1)[0]) >> 1,
        role=Role.FINALIST,
    )

"""What a search is told: its space, how many children and parents, and who may become a parent."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from optuna.distributions import BaseDistribution

from evopose2d.evolution.sampler.genes import gene_distributions
from evopose2d.genotype import Genotype, SearchSpace, identity

Schedule = Literal["generational", "steady-state"]
Selection = Literal["fitness", "ap", "pareto", "aging"]

SCHEDULES: tuple[str, ...] = get_args(Schedule)
SELECTIONS: tuple[str, ...] = get_args(Selection)


@dataclass(frozen=True)
class EvolutionSettings:
    """The settings of the evolutionary algorithm. Defaults are the paper's.

    Attributes:
        space: ancestor and limits of the genes.
        children: individuals in a generation after the first, at least 1.
        parents: individuals that take turns as parents, at least 1.
        seed: seed of every draw, at least 0.
        schedule: ``generational`` (parents are the best of all earlier generations, so that the search does
            not depend on who finishes first) or ``steady-state`` (parents are the best of all that are
            complete when a child is asked for, so that no worker ever waits).
        selection: who is best: ``fitness``, ``ap`` (greatest average precision), ``pareto`` (validation loss
            against parameters: by front, then by room within it) or ``aging`` (the fittest of a random
            tournament among the youngest; Real et al., "Regularized evolution for image classifier
            architecture search", AAAI 2019; steady-state only).
        population: ``aging``: how many of the youngest complete individuals are alive, at least 1.
        tournament: ``aging``: how many of them are drawn, with replacement, at least 1.
        key: what tells genotypes apart; two of equal key count as one.
        controls: also propose unmutated copies of parents, for their children to be compared with: one for each
            parent at the start of a generation (steady-state: before its first child and after every
            ``children / parents`` of them).

    Raises:
        ValueError: one line with the setting, what was received and what is allowed.
    """

    space: SearchSpace
    children: int = 64
    parents: int = 4
    seed: int = 0
    schedule: Schedule = "generational"
    selection: Selection = "fitness"
    population: int = 64
    tournament: int = 16
    key: Callable[[Genotype], Hashable] = identity
    controls: bool = False

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The values that each gene may have, for all trials to share."""
        return gene_distributions(self.space)

    def __post_init__(self) -> None:
        for name, least in (
            ("children", 1),
            ("parents", 1),
            ("seed", 0),
            ("population", 1),
            ("tournament", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, must be at least {least}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule: got {self.schedule!r}, must be one of {', '.join(SCHEDULES)}")
        if self.selection not in SELECTIONS:
            raise ValueError(f"selection: got {self.selection!r}, must be one of {', '.join(SELECTIONS)}")
        if self.selection == "aging" and self.schedule != "steady-state":
            raise ValueError(f"selection: got 'aging' with schedule {self.schedule!r}, must be 'steady-state'")

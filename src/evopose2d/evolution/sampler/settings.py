"""What a search is told: its space, how many children and parents, and who may become a parent."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from optuna.distributions import BaseDistribution

from evopose2d.evolution.sampler.genes import gene_distributions
from evopose2d.evolution.sampler.objectives import FITNESS_ALONE, Objective, find_objectives
from evopose2d.evolution.sampler.selections import Selection, find_selection
from evopose2d.genotype import Genotype, SearchSpace, by_genes

Schedule = Literal["generational", "steady-state"]

_LEAST = {
    "children": 1,
    "parents": 1,
    "seed": 0,
    "population": 1,
    "tournament": 1,
    "screening": 1,
    "mutations": 1,
}

SCHEDULES: tuple[str, ...] = get_args(Schedule)


@dataclass(frozen=True)
class EvolutionSettings:
    """The settings of the evolutionary algorithm. Defaults are the paper's.

    Attributes:
        space: ancestor and limits of the genes.
        children: individuals in a generation after the first, at least 1; controls are not counted.
        parents: individuals that are parents in round robin, at least 1. Generational, as many as divide
            ``children``, so that each has as many of them.
        seed: seed of every draw, at least 0.
        schedule: ``generational`` (parents are of earlier generations, so that the search does not depend on who
            finishes first) or ``steady-state`` (parents are of all that are complete when a child is asked for, so
            that no worker ever waits).
        selection: who is best, as an object or by name: an objective (``fitness``, the paper's, over all earlier
            generations; ``ap``, greatest first; ``val_loss``, ``parameters``, ...), ``pareto`` (validation loss
            against parameters), ``last-generation`` (the fittest of the last generation and its controls;
            generational only), ``gain`` (fitness less what training alone gains; needs controls), ``aging`` (the
            fittest of a random tournament among the youngest; steady-state only), or what installed packages offer.
            See :mod:`.selections`.
        objectives: what the search is for, as objects or by name. Of others than the fitness (the paper's), the best
            become parents, and of several, those of the first fronts: ``selection`` is then ``fitness`` or ``pareto``.
        population: ``aging``: how many of the youngest complete individuals are alive, at least 1.
        tournament: ``aging``: how many of them are drawn, with replacement, at least 1.
        fingerprint: of a genotype; two of equal fingerprint count as one.
        controls: also propose unmutated copies of parents, for their children to be compared with: one for each
            parent at the start of a generation (steady-state: before its first child and after every
            ``children / parents`` of them).
        screening: mutants that are drawn for each child, at least 1; of several, the one is trained that promises most
            by the effects of genes learned so far (1: the paper's).
        mutations: mean number of a child's mutations, at least 1 (the paper's); above, it is geometrically distributed.
        size_factor: of a genotype, above 0: fitness over loss, as the size of its network decides it, which is known
            before it is trained. Screening then learns effects on the loss alone.
        strict: wait for running individuals where the algorithm depends on them, so that the outcome does not depend
            on who finishes first, and end where all that could be parents failed. Otherwise nobody ever waits: what
            is complete is what there is, and before anything is, mutations of the ancestor that have no parent.

    Raises:
        ValueError: one line with the setting, what was received and what is allowed.
    """

    space: SearchSpace
    children: int = 64
    parents: int = 4
    seed: int = 0
    schedule: Schedule = "generational"
    selection: str | Selection = "fitness"
    population: int = 64
    tournament: int = 16
    fingerprint: Callable[[Genotype], Hashable] = by_genes
    controls: bool = False
    screening: int = 1
    mutations: float = 1.0
    size_factor: Callable[[Genotype], float] | None = None
    strict: bool = True
    objectives: Sequence[str | Objective] = FITNESS_ALONE

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, must be at least {least}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule: got {self.schedule!r}, must be one of {', '.join(SCHEDULES)}")
        if self.schedule == "generational" and self.children % self.parents:
            raise ValueError(
                f"parents: got {self.parents}, must divide the {self.children} children of a generation "
                "(steady-state: any number)"
            )
        _ = self.targets  # which checks their names
        strategy, shown = self.strategy, f"selection: got {self.selection!r}"
        if self.schedule not in strategy.schedules:
            raise ValueError(f"{shown} with schedule {self.schedule!r}, must be {' or '.join(strategy.schedules)}")
        if strategy.needs_controls and not self.controls:
            raise ValueError(f"{shown} without controls, must have them")

    @cached_property
    def strategy(self) -> Selection:
        """The selection strategy."""
        if isinstance(self.selection, Selection):
            return self.selection
        return find_selection(
            self.selection, objectives=self.objectives, population=self.population, tournament=self.tournament
        )

    @cached_property
    def targets(self) -> tuple[Objective, ...]:
        """The objectives, which a study's values are of."""
        return find_objectives(self.objectives)

    @property
    def by_fitness(self) -> bool:
        """Whether the fitness is the only objective: it is then a study's value, whatever the study's direction."""
        return [each.name for each in self.targets] == list(FITNESS_ALONE)

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The values that each gene may have, for all trials to share."""
        return gene_distributions(self.space)

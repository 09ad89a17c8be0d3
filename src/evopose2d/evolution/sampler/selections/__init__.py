"""Who becomes a parent: strategies as objects, and the names that settings give them.

A package offers another as an entry point of the group ``evopose2d.selections`` whose object is a subclass of
:class:`Selection`. The name of an objective is that of a strategy, too: the best in it become parents.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import FITNESS_ALONE, OBJECTIVES, Objective, find_objective, find_objectives
from evopose2d.evolution.sampler.objectives import GROUP as _OBJECTIVES_GROUP
from evopose2d.evolution.sampler.record import Individual, Role
from evopose2d.evolution.sampler.registry import find, names
from evopose2d.evolution.sampler.selections.aging import Aging
from evopose2d.evolution.sampler.selections.base import Selection
from evopose2d.evolution.sampler.selections.by_objective import ByObjective
from evopose2d.evolution.sampler.selections.gain import Gain
from evopose2d.evolution.sampler.selections.last_generation import LastGeneration
from evopose2d.evolution.sampler.selections.pareto import Pareto

GROUP = "evopose2d.selections"
SELECTIONS: Mapping[str, type[Selection]] = {
    "pareto": Pareto,
    "aging": Aging,
    "last-generation": LastGeneration,
    "gain": Gain,
}
"""The project's own, by name, besides the objectives."""

_RANKING = ("fitness", "pareto")  # that rank by whatever objectives there are

__all__ = [
    "SELECTIONS",
    "Aging",
    "ByObjective",
    "Gain",
    "LastGeneration",
    "Pareto",
    "Selection",
    "find_selection",
    "ranks_by_ap",
    "select",
]


def find_selection(
    name: str,
    *,
    objectives: Sequence[str | Objective] = FITNESS_ALONE,
    population: int = 64,
    tournament: int = 16,
) -> Selection:
    """Return the strategy of that name, or the one that ranks by the objective of that name.

    Args:
        name: of a strategy or of an objective.
        objectives: what the search is for. Of others than the fitness, the best become parents; of several, those of
            the first fronts.
        population: for strategies with a population, such as ``aging``.
        tournament: for strategies with tournaments, such as ``aging``.

    Raises:
        ValueError: nothing has that name (lists the names that there are), it is given what cannot be, or the strategy
            does not rank by these objectives.
    """
    targets = find_objectives(objectives)
    told = [each.name for each in targets]
    if told != list(FITNESS_ALONE):
        if name not in _RANKING:
            raise ValueError(
                f"selection: got {name!r} with objectives {', '.join(told)}, must be {' or '.join(_RANKING)}"
            )
        return ByObjective(targets[0]) if len(targets) == 1 else Pareto(targets)
    if name in names(OBJECTIVES, _OBJECTIVES_GROUP):
        return ByObjective(find_objective(name))
    found = find("selection", name, SELECTIONS, GROUP, also=names(OBJECTIVES, _OBJECTIVES_GROUP))
    return found.from_settings(population=population, tournament=tournament)


def ranks_by_ap(selection: str, objectives: Sequence[str] = FITNESS_ALONE) -> bool:
    """Return whether the best of a search are those of greatest AP alone, by what its settings say."""
    return (selection == "ap" and tuple(objectives) == FITNESS_ALONE) or tuple(objectives) == ("ap",)


def select(
    population: Iterable[Individual],
    count: int,
    selection: str | Selection,
    eligible: Callable[[Individual], bool] = lambda individual: True,
) -> list[Individual]:
    """Return the best genomes of a search, best first; of equals, the one of lower number.

    Args:
        population: all individuals of the search, controls among them, in any order.
        count: how many to return; all where there are fewer.
        selection: who is better.
        eligible: who is to be returned. The others count as well where ``selection`` compares individuals.

    Returns:
        Complete individuals that are no controls; where a control stands for a genome, the individual of which it is a
        copy.

    Raises:
        SearchError: an individual lacks a measurement that ``selection`` needs.
        ValueError: no strategy has that name.
    """
    strategy = find_selection(selection) if isinstance(selection, str) else selection
    history = History(sorted(population, key=lambda each: each.number))
    found: dict[int, Individual] = {}
    # A strategy that looks at the last generation alone is asked again for those before it.
    for before in (None, *history.complete_generations()):
        for each in strategy.best(history, max(count, len(history.completed)), before):
            genome = _genome(history, each)
            if eligible(genome):
                found.setdefault(genome.number, genome)
        if len(found) >= count:
            break
    return list(found.values())[:count]


def _genome(history: History, individual: Individual) -> Individual:
    while individual.role is Role.CONTROL and individual.parent is not None:
        individual = history[individual.parent]
    return individual

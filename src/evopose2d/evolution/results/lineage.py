"""Who descends from whom: what reports and drawings show of a search's history."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler import OBJECTIVES, Individual, Objective, Role, State
from evopose2d.fitness import non_dominated_fronts
from evopose2d.genotype import describe_mutation

LOSS_AND_SIZE = (OBJECTIVES["val_loss"], OBJECTIVES["parameters"])
"""Of what the Pareto front is shown in a search of a single objective."""


@dataclass(frozen=True)
class Node:
    """Where an individual stands in a drawing of the family tree.

    Attributes:
        number: the individual.
        parent: its parent, None at a root.
        x: place within its generation, one apart, the generation centred on 0.
        y: its generation, from 0.
    """

    number: int
    parent: int | None
    x: float
    y: int


def ancestry(individuals: Iterable[Individual], number: int) -> list[Individual]:
    """Return an individual's line of descent, from the first ancestor to the individual itself.

    Raises:
        SearchError: the individual, or one of its line, is not among ``individuals``.
    """
    by_number = _by_number(individuals)
    line: list[Individual] = []
    current: int | None = number
    while current is not None:
        if current not in by_number:
            raise SearchError(f"individual {current}: not in this search, it holds {_ranges(by_number)}")
        line.append(by_number[current])
        current = by_number[current].parent
    return line[::-1]


def tree_layout(individuals: Iterable[Individual]) -> list[Node]:
    """Place individuals for a drawing: a row for each generation, siblings side by side below their parent.

    A row is ordered by the places of the parents, so that lines from the row above do not cross; within a
    family, by number.

    Returns:
        A node for each individual, by generation, then from left to right.
    """
    rows: dict[int, list[Individual]] = defaultdict(list)
    for individual in individuals:
        rows[individual.generation].append(individual)
    nodes: dict[int, Node] = {}
    for generation, row in sorted(rows.items()):
        places = {node.number: node.x for node in nodes.values()}
        row.sort(key=lambda each: (places.get(-1 if each.parent is None else each.parent, 0.0), each.number))
        for position, individual in enumerate(row):
            x = position - (len(row) - 1) / 2
            nodes[individual.number] = Node(individual.number, individual.parent, x, generation)
    return list(nodes.values())


def pareto_numbers(
    individuals: Iterable[Individual], objectives: Sequence[Objective] = LOSS_AND_SIZE
) -> frozenset[int]:
    """Return the numbers of those that none beats in all objectives: nowhere worse and somewhere better.

    Individuals that are not complete, or lack a measurement, do not take part, nor do controls.
    """
    needed = frozenset().union(*(each.needs for each in objectives))
    measured = [
        (individual.number, [objective(individual) for objective in objectives])
        for individual in individuals
        if individual.state is State.COMPLETE
        and individual.role is not Role.CONTROL
        and needed <= individual.measurements.keys()
    ]
    if not measured:
        return frozenset()
    numbers, points = zip(*measured, strict=True)
    return frozenset(numbers[index] for index in next(non_dominated_fronts(points)))


def population_table(
    individuals: Iterable[Individual], objectives: Sequence[Objective] = LOSS_AND_SIZE
) -> list[dict[str, Any]]:
    """Return a row for each individual, by number.

    Returns:
        Rows of number, generation, parent, mutation (in words; empty without a known parent), role, state, fitness,
        ap, val_loss, parameters, pareto (whether none beats it in all ``objectives``) and genotype (text, as
        ``params.yaml`` takes it).
    """
    by_number = _by_number(individuals)
    front = pareto_numbers(by_number.values(), objectives)
    return [
        {
            "number": number,
            "generation": individual.generation,
            "parent": individual.parent,
            "mutation": _mutation(individual, by_number),
            "role": individual.role.value,
            "state": individual.state.value,
            "fitness": individual.fitness,
            "ap": individual.ap,
            "val_loss": individual.val_loss,
            "parameters": individual.parameters,
            "pareto": number in front,
            "genotype": str(individual.genotype),
        }
        for number, individual in sorted(by_number.items())
    ]


def _mutation(individual: Individual, by_number: Mapping[int, Individual]) -> str:
    if individual.parent is None or individual.parent not in by_number:
        return ""
    return describe_mutation(by_number[individual.parent].genotype, individual.genotype)


def _by_number(individuals: Iterable[Individual]) -> dict[int, Individual]:
    return {individual.number: individual for individual in individuals}


def _ranges(by_number: Mapping[int, Individual]) -> str:
    return f"numbers {min(by_number)} to {max(by_number)}" if by_number else "none"

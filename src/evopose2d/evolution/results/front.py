"""The Pareto front of a search: a row for each network that none beats in all objectives, and what is drawn of it."""

from typing import Any

from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.evolution.results.lineage import pareto_numbers, population_table
from evopose2d.evolution.sampler import Individual, Objective, Role, State
from evopose2d.visualization.front import Axis, FrontDot

_UNITS = {"parameters": ("parameters (million)", 1e6), "multiply_adds": ("multiply-adds (billion)", 1e9)}
_LABELS = {"ap": "AP", "val_loss": "val loss", "latency": "latency (ms)"}


def front_rows(archive: SearchArchive) -> list[dict[str, Any]]:
    """Return a row for each member of the front, the best in the first objective first.

    Returns:
        Rows of number, generation, parent, mutation, objectives by name that are no other column, fitness, AP,
        val_loss, parameters_m, gmacs, latency_ms (None where it was not measured) and genotype (text, as
        ``params.yaml`` takes it).
    """
    objectives = archive.front_objectives
    by_number = {each.number: each for each in archive.individuals}
    members = [by_number[number] for number in pareto_numbers(archive.individuals, objectives)]
    members.sort(key=lambda each: (*(objective(each) for objective in objectives), each.number))
    table = {row["number"]: row for row in population_table(archive.individuals, objectives)}
    return [_row(each, table[each.number], objectives) for each in members]


def front_axes(archive: SearchArchive) -> list[Axis]:
    """Return how each objective of the front is drawn."""
    labels = {**_LABELS, "latency": "predicted latency (ms)"} if archive.predicts_latency else _LABELS
    return [
        Axis(*_UNITS.get(each.name, (labels.get(each.name, each.name), 1.0)), more_is_better=each.maximised)
        for each in archive.front_objectives
    ]


def front_dots(archive: SearchArchive) -> list[FrontDot]:
    """Return what is drawn of the individuals that are complete and no controls."""
    objectives = archive.front_objectives
    needed = frozenset().union(*(each.needs for each in objectives))
    front = pareto_numbers(archive.individuals, objectives)
    return [
        FrontDot(
            each.number,
            each.generation,
            tuple(objective.value(each.number, each.measurements) for objective in objectives),
            each.number in front,
        )
        for each in archive.individuals
        if each.state is State.COMPLETE and each.role is not Role.CONTROL and needed <= each.measurements.keys()
    ]


def _row(individual: Individual, told: dict[str, Any], objectives: tuple[Objective, ...]) -> dict[str, Any]:
    measured = individual.measurements
    parameters, multiply_adds = measured.get("parameters"), measured.get("multiply_adds")
    columns = {
        "fitness": individual.fitness,
        "AP": individual.ap,
        "val_loss": individual.val_loss,
        "parameters_m": None if parameters is None else parameters / 1e6,
        "gmacs": None if multiply_adds is None else multiply_adds / 1e9,
        "latency_ms": measured.get("latency"),
    }
    known = {"fitness", "ap", "val_loss", "parameters", "multiply_adds", "latency"}
    others = {each.name: each.value(individual.number, measured) for each in objectives if each.name not in known}
    return {
        "number": individual.number,
        "generation": told["generation"],
        "parent": told["parent"],
        "mutation": told["mutation"] or told["role"],
        **others,
        **columns,
        "genotype": told["genotype"],
    }

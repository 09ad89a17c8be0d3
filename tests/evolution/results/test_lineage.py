"""Family trees, fronts and tables of a search."""

import json

import pytest

from evopose2d.errors import SearchError
from evopose2d.evolution.results.lineage import ancestry, pareto_numbers, population_table, tree_layout
from evopose2d.evolution.sampler import Individual, State
from evopose2d.genotype import Genotype

ANCESTOR = Genotype.from_lists([[3, 1, 2, 1], *([[3, 1, 4, 2]] * 3), *([[5, 2, 5, 1]] * 3)])
COMPLETE, FAILED, RUNNING = State.COMPLETE, State.FAILED, State.RUNNING
WIDER = ANCESTOR.with_gene(6, "channels", 3)
LARGER = ANCESTOR.with_gene(0, "kernel", 5)
BOTH = WIDER.with_gene(0, "kernel", 5)


def measured(*values):
    return dict(zip(("fitness", "ap", "val_loss", "parameters"), values, strict=False))


POPULATION = [
    Individual(0, 0, None, ANCESTOR, COMPLETE, measured(0.5, 0.5, 0.5, 100)),
    Individual(1, 1, 0, WIDER, COMPLETE, measured(0.4, 0.6, 0.6, 80)),
    Individual(2, 1, 0, LARGER, COMPLETE, measured(0.4, 0.6, 0.4, 120)),
    Individual(3, 1, 0, LARGER.with_gene(1, "repeats", 2), FAILED),
    Individual(4, 2, 2, LARGER.with_gene(2, "repeats", 2), COMPLETE, measured(0.9, 0.1, 0.55, 110)),
    Individual(5, 2, 1, BOTH, RUNNING),
    Individual(6, 2, 2, LARGER.with_gene(5, "repeats", 1), COMPLETE, measured(0.1)),
    Individual(7, 2, 1, WIDER.with_gene(5, "repeats", 1), RUNNING),
]


def test_a_line_of_descent_begins_with_the_first_ancestor():
    assert [each.number for each in ancestry(reversed(POPULATION), 5)] == [0, 1, 5]
    assert ancestry(POPULATION, 0) == POPULATION[:1]


def test_a_stranger_has_no_line():
    with pytest.raises(SearchError, match="individual 9: not in this search, it holds numbers 0 to 7"):
        ancestry(POPULATION, 9)
    with pytest.raises(SearchError, match="individual 0: not in this search, it holds none"):
        ancestry([], 0)


def test_a_tree_has_a_row_for_each_generation_and_keeps_families_together():
    nodes = tree_layout(reversed(POPULATION))
    assert [(node.number, node.x, node.y) for node in nodes] == [
        (0, 0.0, 0),
        (1, -1.0, 1),
        (2, 0.0, 1),
        (3, 1.0, 1),
        (5, -1.5, 2),
        (7, -0.5, 2),
        (4, 0.5, 2),
        (6, 1.5, 2),
    ]
    assert {node.number: node.parent for node in nodes} == {each.number: each.parent for each in POPULATION}


def test_the_front_holds_whom_none_beats_in_loss_and_size():
    assert pareto_numbers(POPULATION) == {0, 1, 2}
    assert pareto_numbers(POPULATION[5:]) == frozenset()


def test_the_table_has_a_row_for_everyone():
    rows = population_table(reversed(POPULATION))
    assert [row["number"] for row in rows] == list(range(8))
    assert {key: value for key, value in rows[1].items() if key != "genotype"} == {
        "number": 1,
        "generation": 1,
        "parent": 0,
        "mutation": "block 7 channels 5→3",
        "role": "child",
        "state": "complete",
        "fitness": 0.4,
        "ap": 0.6,
        "val_loss": 0.6,
        "parameters": 80,
        "pareto": True,
    }
    assert [row["mutation"] for row in rows[:6:5]] == ["", "block 1 kernel 3→5"]
    assert [row["pareto"] for row in rows] == [True, True, True, False, False, False, False, False]
    assert Genotype.from_lists(json.loads(rows[5]["genotype"])) == BOTH
    assert json.loads(json.dumps(rows)) == rows


def test_the_table_does_without_a_missing_parent():
    assert population_table(POPULATION[4:5])[0]["mutation"] == ""

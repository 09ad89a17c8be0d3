"""Who becomes a parent: selections, the steady-state schedule, and what a history remembers."""

from dataclasses import replace

import numpy as np
import pytest
from tests.evolution.searching import ANCESTOR, SPACE, TINY, asked, made_up, running, searched, settled

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler import (
    EvolutionSettings,
    History,
    Individual,
    NotReadyError,
    Role,
    State,
    find_selection,
    propose,
    ready,
    screening,
    select,
)
from evopose2d.evolution.sampler.selections import Aging
from evopose2d.genotype import NoUnseenNeighbour, PaperSpace, neighbours, reachable_size


def test_steady_state_takes_the_best_so_far_and_never_waits():
    options = EvolutionSettings(SPACE, children=4, parents=2, schedule="steady-state")
    history = History()
    ancestor = propose(history, 0, options)
    history.record(running(ancestor))
    assert not ready(history, 1, options)
    with pytest.raises(NotReadyError, match="no individual has completed"):
        propose(history, 1, options)
    history.record(settled(ancestor, 0.5))
    children = []
    for number in range(1, 4):
        children.append(propose(history, number, options))
        history.record(running(children[-1]))
    assert [(each.parent, each.generation) for each in children] == [(0, 1)] * 3
    history.record(settled(children[1], 0.4))
    child = propose(history, 4, options)
    history.record(running(child))
    grandchild = propose(history, 5, options)
    assert (child.parent, child.generation) == (0, 1)
    assert (grandchild.parent, grandchild.generation) == (2, 2)


def test_what_is_remembered_is_forgotten_when_it_is_no_longer_true():
    options = EvolutionSettings(SPACE, parents=1, schedule="steady-state")
    history = History()
    history.record(settled(propose(history, 0, options), 0.5))
    child = propose(history, 1, options)
    history.record(running(child))
    assert propose(history, 2, options).parent == 0
    history.record(settled(child, 0.4))
    assert propose(history, 2, options).parent == 1


def measured(number, fitness, ap, val_loss, parameters):
    genotype = neighbours(ANCESTOR, SPACE)[number]
    measurements = {"fitness": fitness, "ap": ap, "val_loss": val_loss, "parameters": parameters}
    return Individual(number, 0, None, genotype, State.COMPLETE, measurements, Role.ANCESTOR)


MEASURED = [
    measured(0, fitness=0.1, ap=0.2, val_loss=0.9, parameters=50),
    measured(1, fitness=0.2, ap=0.9, val_loss=0.2, parameters=90),
    measured(2, fitness=0.3, ap=0.4, val_loss=0.8, parameters=40),
    measured(3, fitness=0.4, ap=0.5, val_loss=0.5, parameters=60),
    measured(4, fitness=0.5, ap=0.1, val_loss=0.55, parameters=70),
]


@pytest.mark.parametrize(
    ("selection", "parents"),
    # 2, 3 and 1 are the front of loss against size; its ends have more room than its middle.
    [("fitness", [0, 1, 2, 3, 4]), ("ap", [1, 3, 2, 0, 4]), ("pareto", [1, 2, 3, 0, 4])],
)
def test_who_is_best(selection, parents):
    for count in range(1, 6):
        options = EvolutionSettings(SPACE, parents=count, schedule="steady-state", selection=selection)
        history = History(reversed(MEASURED))
        assert asked(history, options, count) == parents[:count]


@pytest.mark.parametrize(("selection", "measure"), [("ap", "ap"), ("pareto", "val_loss")])
def test_a_selection_needs_its_measure(selection, measure):
    options = EvolutionSettings(SPACE, selection=selection)
    with pytest.raises(SearchError, match=f"individual 0: got no {measure}, must have one"):
        searched(options, [0.5, 0.5])


def test_with_aging_the_fittest_dies_of_age():
    options = EvolutionSettings(SPACE, schedule="steady-state", selection="aging", population=3, tournament=200)
    # In two hundred draws of three everyone is drawn, so the fittest alive wins: 2 of 2, 3, 4.
    assert propose(History(MEASURED), 5, options).parent == 2


def test_with_aging_chance_decides_who_competes():
    options = EvolutionSettings(SPACE, schedule="steady-state", selection="aging", population=3, tournament=1)
    history = History(MEASURED)
    parents = [propose(history, number, options).parent for number in range(5, 65)]
    assert set(parents) == {2, 3, 4}
    again = History(MEASURED)
    assert [propose(again, number, options).parent for number in range(5, 65)] == parents
    otherwise = replace(options, seed=1)
    assert [propose(again, number, otherwise).parent for number in range(5, 65)] != parents


def test_a_tournament_and_the_mutation_after_it_draw_apart(monkeypatch):
    states = []

    def watch(owner, name, position):
        real = getattr(owner, name)

        def watched(*arguments):
            states.append(arguments[position].bit_generator.state["state"]["state"])
            return real(*arguments)

        monkeypatch.setattr(owner, name, watched)

    watch(Aging, "parent", 5)
    watch(screening, "mutate", 3)
    options = EvolutionSettings(SPACE, schedule="steady-state", selection="aging", population=3, tournament=2)
    propose(History(MEASURED), 5, options)
    assert len(set(states)) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"children": 2, "parents": 2},
        {"children": 3, "parents": 2, "schedule": "steady-state"},
        {"schedule": "steady-state", "selection": "aging", "population": 2, "tournament": 1},
    ],
    ids=["generational", "steady-state", "aging"],
)
def test_a_small_space_is_searched_whole_and_then_it_ends(options):
    settings_ = EvolutionSettings(TINY, **options)
    size = reachable_size(TINY)
    history, proposals = searched(settings_, [made_up(number) for number in range(size)])
    assert size == 8
    assert len({each.genotype for each in proposals}) == size
    assert ready(history, size, settings_)
    with pytest.raises(NoUnseenNeighbour, match=r"individual 8 cannot be proposed: .* the 8 genotypes seen"):
        propose(history, size, settings_)


def test_a_generation_that_cannot_be_filled_ends_the_search():
    options = EvolutionSettings(TINY, children=20, parents=2)
    count = len(neighbours(TINY.ancestor, TINY))
    history, _ = searched(options, [0.5] * (1 + count))
    with pytest.raises(NoUnseenNeighbour):
        propose(history, 1 + count, options)


def test_exhausted_parents_give_way_whether_remembered_or_found_out_anew():
    space = PaperSpace(ANCESTOR, kernels=(3, 5), repeats=(1, 2), strided=(3, 3))
    options = EvolutionSettings(space, children=6, parents=3)
    # The ancestor and its first children stay the best until all their neighbours have been seen.
    _, proposals = searched(options, [float(number) for number in range(120)])
    assert {each.parent for each in proposals[1:20]} == {0, 1, 2}
    assert {each.parent for each in proposals[-6:]} == {3, 4, 5}
    for number in (30, 60, 90, 119):
        anew = History(settled(each, float(each.number)) for each in proposals[:number])
        assert propose(anew, number, options) == proposals[number]


def test_genotypes_of_equal_fingerprint_are_one():
    def network(genotype):
        return tuple((block.kernel, (block.channels + 1) // 2) for block in genotype.blocks)

    options = EvolutionSettings(SPACE, children=4, parents=2, fingerprint=network)
    _, proposals = searched(options, [made_up(number) for number in range(40)])
    assert len({network(each.genotype) for each in proposals}) == 40


def test_a_parent_from_outside_the_space_is_refused():
    stranger = Individual(0, 0, None, ANCESTOR.with_gene(0, "channels", 3), State.COMPLETE, {"fitness": 0.1})
    with pytest.raises(ValueError, match="lies outside the search space: block 1: got channels 3, must be 1 to 2"):
        propose(History([stranger]), 1, EvolutionSettings(SPACE))


def test_a_history_does_not_change_its_mind():
    individual = MEASURED[0]
    history = History([individual])
    with pytest.raises(ValueError, match="individual 0: got recorded again after it was complete"):
        history.record(individual)


def test_a_history_says_where_each_individual_is():
    ancestor = Individual(0, 0, None, ANCESTOR, State.COMPLETE, {"fitness": 0.5})
    child = Individual(2, 1, 0, neighbours(ANCESTOR, SPACE)[0], State.RUNNING)
    history = History([child, ancestor])
    history.record_without_genotype(3, finished=False)
    history.record_without_genotype(4, finished=True)
    assert history.individuals == [ancestor, child]
    assert (history.unfinished, history.pending, history.next_number) == ({2, 3}, {3}, 5)
    assert list(history.completed) == [ancestor]
    assert (history.get(2), history.get(3)) == (child, None)


def test_a_complete_individual_has_a_fitness():
    with pytest.raises(ValueError, match="individual 3: got no fitness"):
        Individual(3, 1, 0, ANCESTOR, State.COMPLETE)


@pytest.mark.parametrize("selection", ["fitness", "ap", "aging"])
def test_the_best_come_from_the_queue_as_from_a_look_at_everybody(selection):
    history, rng, strategy = History(), np.random.default_rng(3), find_selection(selection)
    genotypes = neighbours(ANCESTOR, SPACE)
    known = []
    for number in rng.permutation(len(genotypes)).tolist():
        value = float(rng.integers(8))
        known.append(
            Individual(
                number, int(rng.integers(9)), None, genotypes[number], State.COMPLETE, {"fitness": value, "ap": value}
            )
        )
        history.record(known[-1])
        before, count = int(rng.integers(1, 10)), int(rng.integers(1, 6))
        candidates = [each for each in known if each.generation < before]
        assert history.parents(strategy, SPACE, count, before) == select(candidates, count, selection)
        assert history.youngest(count) == sorted(known, key=lambda each: -each.number)[:count][::-1]

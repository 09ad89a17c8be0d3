"""The evolutionary algorithm without Optuna: numbers, generations, parents and draws."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evolution.searching import ANCESTOR, SPACE, asked, made_up, running, searched, settled

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler import EvolutionSettings, History, NotReadyError, propose, ready
from evopose2d.genotype import GENES, describe_mutation, mutate


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"children": 0}, "children: got 0, must be at least 1"),
        ({"parents": 0}, "parents: got 0, must be at least 1"),
        ({"seed": -1}, "seed: got -1, must be at least 0"),
        ({"population": 0}, "population: got 0, must be at least 1"),
        ({"tournament": 0}, "tournament: got 0, must be at least 1"),
        ({"schedule": "weekly"}, "schedule: got 'weekly', must be one of generational, steady-state"),
        (
            {"selection": "luck"},
            "selection: got 'luck', must be one of fitness, ap, val_loss, parameters, multiply_adds, latency, pareto, "
            "aging, last-generation, gain",
        ),
        (
            {"children": 6, "parents": 4},
            "parents: got 4, must divide the 6 children of a generation (steady-state: any number)",
        ),
        ({"selection": "gain"}, "selection: got 'gain' without controls, must have them"),
        (
            {"selection": "last-generation", "schedule": "steady-state"},
            "selection: got 'last-generation' with schedule 'steady-state', must be generational",
        ),
        (
            {"selection": "aging"},
            "selection: got 'aging' with schedule 'generational', must be steady-state",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(setting, message):
    with pytest.raises(ValueError) as caught:
        EvolutionSettings(SPACE, **setting)
    assert str(caught.value) == message


def test_the_first_is_the_ancestor():
    first = propose(History(), 0, EvolutionSettings(SPACE))
    assert (first.number, first.generation, first.parent, first.genotype) == (0, 0, None, ANCESTOR)
    assert first.mutation == ""


def test_the_best_of_all_earlier_generations_take_turns():
    options = EvolutionSettings(SPACE, children=6, parents=3)
    fitnesses = [0.5, 0.9, 0.4, 0.8, 0.3, 0.7, 0.6, 0.45, 0.9, 0.9, 0.9, 0.9, 0.9]
    history, proposals = searched(options, fitnesses)
    assert [each.generation for each in proposals] == [0, *[1] * 6, *[2] * 6]
    assert [each.parent for each in proposals] == [None, *[0] * 6, 4, 2, 0, 4, 2, 0]
    # Best of generations 0 to 2: number 4 (0.3), 2 (0.4), 7 (0.45).
    assert asked(history, options, 6) == [4, 2, 7, 4, 2, 7]


def test_of_equals_the_first_is_best():
    options = EvolutionSettings(SPACE, children=2, parents=2)
    _, proposals = searched(options, [0.5, 0.5, 0.5])
    history = History(settled(each, 0.5) for each in reversed(proposals))
    assert asked(history, options, 2) == [0, 1]


def test_the_failed_are_no_parents_but_have_been_seen():
    options = EvolutionSettings(SPACE, children=3, parents=3)
    history, proposals = searched(options, [0.5, None, 0.4, None])
    assert {each.genotype for each in proposals} == history.seen
    assert asked(history, options, 3) == [2, 0, 2]


def test_a_generation_waits_for_the_one_before():
    options = EvolutionSettings(SPACE, children=2, parents=1)
    history, _ = searched(options, [0.5, 0.4])
    last = propose(history, 2, options)
    history.record(running(last))
    assert not ready(history, 3, options)
    with pytest.raises(NotReadyError, match="individual 3 cannot be proposed yet: individual 2 of generation 1"):
        propose(history, 3, options)
    history.record(settled(last))
    assert ready(history, 3, options)
    assert propose(history, 3, options).parent == 1


def test_siblings_do_not_wait_for_each_other_but_for_lower_genotypes():
    options = EvolutionSettings(SPACE, children=3, parents=1)
    history, _ = searched(options, [0.5])
    history.record(running(propose(history, 1, options)))
    assert ready(history, 2, options)
    history.record_without_genotype(2, finished=False)
    assert ready(history, 2, options)
    assert not ready(history, 3, options)
    with pytest.raises(NotReadyError, match="individual 2 has no genotype yet"):
        propose(history, 3, options)
    history.record_without_genotype(2, finished=True)
    assert ready(history, 3, options)


@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
def test_a_failed_ancestor_ends_the_search(schedule):
    options = EvolutionSettings(SPACE, children=4, schedule=schedule)
    history, _ = searched(options, [None])
    history.record_without_genotype(1, finished=False)
    assert ready(history, 1, options)
    with pytest.raises(SearchError, match="all that could be its parent failed") as caught:
        propose(history, 1, options)
    assert not isinstance(caught.value, NotReadyError)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), random=st.randoms(use_true_random=False), workers=st.integers(1, 6))
def test_a_generational_search_is_the_same_whoever_finishes_first(seed, random, workers):
    options = EvolutionSettings(SPACE, children=4, parents=2, seed=seed)
    _, expected = searched(options, [made_up(number) for number in range(13)])
    history, at_work, proposals = History(), [], []
    while len(proposals) < 13 or at_work:
        number = history.next_number
        if number < 13 and len(at_work) < workers and ready(history, number, options):
            proposals.append(propose(history, number, options))
            at_work.append(proposals[-1])
            history.record(running(proposals[-1]))
        else:
            done = at_work.pop(random.randrange(len(at_work)))
            history.record(settled(done, made_up(done.number)))
    assert proposals == expected


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    schedule=st.sampled_from(["generational", "steady-state"]),
    outcomes=st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=25),
)
def test_every_child_is_new_and_one_gene_from_a_complete_parent(seed, schedule, outcomes):
    options = EvolutionSettings(SPACE, children=4, parents=2, seed=seed, schedule=schedule)
    _, proposals = searched(options, [0.5, *outcomes])
    assert len({each.genotype for each in proposals}) == len(proposals)
    for child in proposals[1:]:
        parent = proposals[child.parent]
        changed = [
            gene
            for before, after in zip(parent.genotype.blocks, child.genotype.blocks, strict=True)
            for gene in GENES
            if getattr(before, gene) != getattr(after, gene)
        ]
        assert len(changed) == 1
        assert child.genotype in SPACE
        assert child.mutation == describe_mutation(parent.genotype, child.genotype)
        assert child.parent == 0 or outcomes[child.parent - 1] is not None
        assert parent.generation < child.generation


def test_a_child_is_the_mutation_that_seed_and_number_give():
    options = EvolutionSettings(SPACE, children=2, parents=1, seed=8)
    history, proposals = searched(options, [0.5] * 6)
    seen = {each.genotype for each in proposals}
    expected = mutate(ANCESTOR, SPACE, seen, np.random.default_rng([8, 6]))
    assert propose(history, 6, options).genotype == expected


def test_another_seed_gives_another_search():
    walks = [searched(EvolutionSettings(SPACE, seed=seed), [0.5] * 8)[1] for seed in (1, 1, 2)]
    assert walks[0] == walks[1]
    assert walks[0] != walks[2]


def test_numbers_of_a_generation():
    options = EvolutionSettings(SPACE, children=3, parents=1)
    _, proposals = searched(options, [0.5] * 8)
    grouped = itertools.groupby(proposals, key=lambda each: each.generation)
    assert [(generation, len(list(group))) for generation, group in grouped] == [(0, 1), (1, 3), (2, 3), (3, 1)]

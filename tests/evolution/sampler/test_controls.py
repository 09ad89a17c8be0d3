"""Controls: unmutated copies of parents, and the gain of children over them."""

from itertools import groupby

import numpy as np
import optuna
import pytest
from tests.evolution.searching import OPTIONS, SPACE, made_up, running, settled

from evopose2d.evolution.sampler import (
    EvolutionSampler,
    EvolutionSettings,
    History,
    Role,
    attach,
    control_of,
    gain,
    propose,
    ready,
    tell,
)


def searched(options, total, workers=1, seed=0):
    """Run a search with so many at once; return its history and its proposals."""
    history, at_work, proposals = History(fingerprint=options.fingerprint), [], []
    rng = np.random.default_rng(seed)
    while len(proposals) < total or at_work:
        number = history.next_number
        if number < total and len(at_work) < workers and ready(history, number, options):
            proposals.append(propose(history, number, options))
            history.record(running(proposals[-1]))
            at_work.append(proposals[-1])
        else:
            done = at_work.pop(int(rng.integers(len(at_work))))
            history.record(settled(done, None if done.number % 9 == 4 else made_up(done.number)))
    return history, proposals


def test_a_generation_begins_with_a_control_of_each_parent():
    options = EvolutionSettings(SPACE, children=4, parents=2, seed=5, controls=True)
    history, proposals = searched(options, 30)
    generations = [list(group) for _, group in groupby(proposals, key=lambda each: each.generation)]
    assert [each.role for each in generations[0]] == [Role.ANCESTOR]
    assert [each.role for each in generations[1]] == [Role.CONTROL] + [Role.CHILD] * 4
    for generation in generations[2:-1]:
        assert [each.role for each in generation] == [Role.CONTROL] * 2 + [Role.CHILD] * 4
        assert [each.parent for each in generation[:2]] == [each.parent for each in generation[2:4]]
    for control in (each for each in proposals if each.role is Role.CONTROL):
        assert control.genotype == history.get(control.parent).genotype
        assert control.mutation == ""
    genomes = [each.genotype for each in proposals if each.role is not Role.CONTROL]
    assert len(set(genomes)) == len(genomes)


def test_controls_are_nobodys_parents_by_the_papers_rule():
    for schedule in ("generational", "steady-state"):
        history, proposals = searched(EvolutionSettings(SPACE, children=4, parents=2, controls=True), 40)
        controls = {each.number for each in proposals if each.role is Role.CONTROL}
        assert controls, schedule
        assert not controls & {each.parent for each in proposals}
        assert not controls & {each.number for each in history.youngest(40)}


def test_controls_leave_the_number_of_workers_without_effect():
    options = EvolutionSettings(SPACE, children=4, parents=2, seed=5, controls=True)
    expected = searched(options, 30)[1]
    for workers in (2, 3, 9):
        assert searched(options, 30, workers, seed=workers)[1] == expected


def test_steady_state_controls_a_parent_first_and_again_after_its_share_of_children():
    options = EvolutionSettings(SPACE, children=6, parents=2, schedule="steady-state", controls=True)
    _, proposals = searched(options, 60, workers=4)
    since = {}
    for each in proposals[1:]:
        if each.role is Role.CONTROL:
            assert since.get(each.parent) in (None, 3)
            since[each.parent] = 0
        else:
            since[each.parent] += 1
            assert since[each.parent] <= 3


def test_a_gain_is_the_controls_fitness_less_the_childs():
    options = EvolutionSettings(SPACE, children=2, parents=1, controls=True)
    history, proposals = searched(options, 1), []
    history = history[0]
    for number, fitness in enumerate([0.9, 0.8, 0.5, None, 0.7], start=1):
        proposals.append(propose(history, number, options))
        history.record(settled(proposals[-1], fitness))
    # Number 1 is the first generation's control, 2 and 3 its children; 4 the next one's control of number 2.
    assert gain(history, history.get(2)) == pytest.approx(0.9 - 0.8)
    assert gain(history, history.get(3)) == pytest.approx(0.9 - 0.5)
    assert [gain(history, history.get(number)) for number in (0, 1)] == [None, None]
    assert proposals[3].role is Role.CONTROL
    assert gain(history, history.get(5)) is None  # its control failed
    assert control_of(history, history.get(5)) is None


def test_a_steady_state_child_is_compared_with_the_last_control_before_it():
    options = EvolutionSettings(SPACE, children=2, parents=1, schedule="steady-state", controls=True)
    history = searched(options, 1)[0]
    for number, fitness in enumerate([0.9, 0.95, 0.96, 0.8, 0.97, 0.98], start=1):
        history.record(settled(propose(history, number, options), fitness + 1))
    assert [history.get(number).role for number in range(1, 7)] == [
        Role.CONTROL, Role.CHILD, Role.CHILD, Role.CONTROL, Role.CHILD, Role.CHILD,
    ]  # fmt: skip
    assert [control_of(history, history.get(number)).number for number in (2, 3, 5, 6)] == [1, 1, 4, 4]


def test_a_study_stores_roles_and_reads_them_back():
    sampler = EvolutionSampler(SPACE, **OPTIONS, controls=True)
    study = optuna.create_study(sampler=sampler)
    tell(study, sampler.ask(study).number, {"fitness": 0.5})
    control = sampler.ask(study)
    assert control.user_attrs["role"] == "control"
    assert (sampler.history(study).get(1).role, sampler.history(study).get(1).parent) == (Role.CONTROL, 0)
    assert sampler.history(study).get(1).genotype == SPACE.ancestor
    assert sampler.ask(study).user_attrs["role"] == "child"
    with pytest.raises(ValueError, match=r"measurements of trial 1: got .*'role'.*must have fitness and none of"):
        tell(study, 1, {"fitness": 0.5, "role": 1.0})
    assert attach(study, 1).user_attrs["role"] == "control"

"""Selection strategies and objectives: the project's age-fair ones, and some from outside the package."""

import sys
from importlib.metadata import EntryPoint

import numpy as np
import optuna
import pytest
from tests.evolution.searching import ANCESTOR, SPACE, running, searched, settled

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler import (
    EvolutionSampler,
    EvolutionSettings,
    History,
    Individual,
    Role,
    State,
    find_objective,
    find_selection,
    propose,
    select,
    tell,
)
from evopose2d.genotype import neighbours

GENOTYPES = [ANCESTOR, *neighbours(ANCESTOR, SPACE)]


def complete(number, generation, parent, genotype, fitness, role=Role.CHILD):
    measurements = {} if fitness is None else {"fitness": fitness}
    state = State.FAILED if fitness is None else State.COMPLETE
    return Individual(number, generation, parent, GENOTYPES[genotype], state, measurements, role)


GROWN = [
    complete(0, 0, None, 0, 10.0, Role.ANCESTOR),
    complete(1, 1, 0, 0, 8.0, Role.CONTROL),  # training alone gains 2
    complete(2, 1, 0, 1, 7.0),  # gain 1
    complete(3, 1, 0, 2, 9.0),  # gain -1
    complete(4, 2, 2, 1, 6.5, Role.CONTROL),  # training on alone gains 0.5 or 1.5, 1 on average
    complete(5, 2, 3, 2, 7.5, Role.CONTROL),
    complete(6, 2, 2, 3, 6.4),
    complete(7, 2, 3, 4, 7.9),
    complete(8, 2, 3, 5, None),
]
"""Levels: 0 and 1 are 10, 2 is 9, 3 is 11, 4 is 9.5, 5 is 10.5, 6 is 9.4, 7 is 10.9."""


def numbers(individuals):
    return [each.number for each in individuals]


def test_the_last_generation_and_its_controls_are_compared_with_each_other_alone():
    strategy, history = find_selection("last-generation"), History(GROWN)
    assert numbers(strategy.best(history, 9)) == [6, 4, 5, 7]
    assert numbers(strategy.best(history, 2)) == [6, 4]
    assert numbers(strategy.best(history, 9, before=2)) == [2, 1, 3]
    assert numbers(strategy.best(history, 9, before=1)) == [0]


def test_without_controls_the_parents_of_the_last_generation_take_part():
    history = History(each for each in GROWN if each.role is not Role.CONTROL)
    assert numbers(find_selection("last-generation").best(history, 9)) == [6, 2, 7, 3]


def test_a_generation_that_failed_gives_way_to_the_one_before():
    failed = [complete(9, 3, 6, 6, None), complete(10, 3, 6, 7, None)]
    assert numbers(find_selection("last-generation").best(History([*GROWN, *failed]), 2)) == [6, 4]


def test_a_level_is_the_fitness_less_what_training_alone_gained():
    # Of each genome the last copy: 1 of 0, 4 of 2, 5 of 3.
    assert numbers(find_selection("gain").best(History(GROWN), 9)) == [6, 4, 1, 5, 7]


def test_levels_of_a_generation_do_not_depend_on_its_own_controls():
    for known in (4, 6, 9):
        assert numbers(find_selection("gain").best(History(GROWN[:known]), 9, before=2)) == [2, 1, 3]


def test_a_gain_is_ranked_alike_however_the_history_came():
    strategy, history = find_selection("gain"), History()
    for count, individual in enumerate(GROWN, start=1):
        history.record(individual)
        assert strategy.best(history, 3) == find_selection("gain").best(History(GROWN[:count]), 3)


@pytest.mark.parametrize("selection", ["last-generation", "gain"])
def test_a_searchs_best_are_genomes_not_their_controls(selection):
    expected = {"last-generation": [6, 2, 3, 7, 0], "gain": [6, 2, 0, 3, 7]}[selection]
    assert numbers(select(reversed(GROWN), 9, selection)) == expected
    assert numbers(select(GROWN, 2, selection, lambda each: each.number != 6)) == expected[1:3]


@pytest.mark.parametrize("selection", ["last-generation", "gain"])
def test_a_search_ranked_fairly_is_the_same_whoever_finishes_first(selection):
    options = EvolutionSettings(SPACE, children=4, parents=2, seed=5, selection=selection, controls=True)

    def fitness(proposal):
        # Whoever is trained for longer is better, and there is noise.
        noise = float(np.random.default_rng(proposal.number).random())
        return 10.0 - proposal.generation + noise

    def search(workers):
        history, at_work, proposals = History(), [], []
        rng = np.random.default_rng(workers)
        while len(proposals) < 40 or at_work:
            try:
                assert len(at_work) < workers and len(proposals) < 40
                proposals.append(propose(history, history.next_number, options))
                history.record(running(proposals[-1]))
                at_work.append(proposals[-1])
            except (AssertionError, SearchError):
                done = at_work.pop(int(rng.integers(len(at_work))))
                history.record(settled(done, fitness(done)))
        return proposals

    expected = search(1)
    assert search(3) == search(7) == expected
    controls = {each.number for each in expected if each.role is Role.CONTROL}
    assert controls & {each.parent for each in expected}, "no control became a parent"


def test_the_papers_rule_rewards_age_and_the_fair_ones_do_not():
    """Every training gains 1 but no mutation anything: who ranks by fitness takes the youngest for the best."""

    def copies_of_the_ancestor(selection):
        options = EvolutionSettings(SPACE, children=4, parents=2, seed=1, selection=selection, controls=True)
        history, rng = History(), np.random.default_rng(0)
        for number in range(80):
            proposal = propose(history, number, options)
            depth = 0 if proposal.parent is None else 1 + history.depth(proposal.parent)
            history.record(settled(proposal, 100.0 - depth + 0.01 * float(rng.normal())))
        return sum(each.genotype == ANCESTOR for each in history.individuals)

    # By gain the ancestor's genome, as good as any, is controlled again and again; by fitness it is forgotten.
    assert copies_of_the_ancestor("gain") > copies_of_the_ancestor("fitness") == 2


def offer(monkeypatch, tmp_path, source, group, name):
    """Install a module that offers something, as a package of somebody else does."""
    (tmp_path / "somebodys.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "somebodys", raising=False)
    point = EntryPoint(name, "somebodys:offered", group)

    def entry_points(*, group):
        return [point] if group == point.group else []

    monkeypatch.setattr("evopose2d.evolution.sampler.registry.entry_points", entry_points)


def test_a_selection_from_outside_takes_one_module(monkeypatch, tmp_path):
    source = """
from evopose2d.evolution.sampler import Selection

class offered(Selection):
    needs = frozenset({"latency"})

    def rank(self, candidates, count):
        return sorted(candidates, key=lambda each: (each.measurements["latency"], each.number))[:count]
"""
    offer(monkeypatch, tmp_path, source, "evopose2d.selections", "fastest")
    study = optuna.create_study(sampler=EvolutionSampler(SPACE, children=2, parents=1, selection="fastest"))
    for number, latency in enumerate([5.0, 3.0, 4.0]):
        study.sampler.ask(study)
        tell(study, number, {"fitness": 1.0, "latency": latency})
    assert study.sampler.ask(study).user_attrs["parent"] == 1


def test_an_objective_from_outside_takes_one_module_and_is_a_selection(monkeypatch, tmp_path):
    source = """
from evopose2d.evolution.sampler import Objective

offered = Objective(
    "ap-per-ms", frozenset({"ap", "latency"}), lambda measured: -measured["ap"] / measured["latency"]
)
"""
    offer(monkeypatch, tmp_path, source, "evopose2d.objectives", "ap-per-ms")
    options = EvolutionSettings(SPACE, children=3, parents=1, selection="ap-per-ms")
    assert options.strategy.needs == {"ap", "latency"}
    history = searched(EvolutionSettings(SPACE, children=3, parents=1), [])[0]
    for number, (ap, latency) in enumerate([(0.5, 2.0), (0.6, 1.0), (0.7, 4.0), (0.4, 1.0)]):
        history.record(settled(propose(history, number, options), 1.0, ap=ap, latency=latency))
    assert propose(history, 4, options).parent == 1
    with pytest.raises(ValueError, match=r"objective: got 'luck', must be one of fitness, ap, .*, ap-per-ms"):
        find_objective("luck")


def test_what_cannot_be_imported_is_told_by_name(monkeypatch, tmp_path):
    offer(monkeypatch, tmp_path, "import no_such_module", "evopose2d.selections", "broken")
    with pytest.raises(ValueError, match=r"selection: 'broken' \(somebodys:offered\) cannot be imported: No module"):
        EvolutionSettings(SPACE, selection="broken")

"""Searches of several objectives, or of another one than the fitness, in Optuna's studies."""

from itertools import pairwise

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from tests.evolution.searching import SPACE

from evopose2d.evolution.sampler import (
    EvolutionSampler,
    Objective,
    find_objectives,
    find_selection,
    read_history,
    select,
    suggest_genotype,
    tell,
)

BOTH = ("ap", "parameters")
OPTIONS = {"children": 4, "parents": 2, "seed": 5, "objectives": BOTH}
DIRECTIONS = ["maximize", "minimize"]


def ap_of(genotype):
    """A made-up AP that more parameters raise, with something of the genes besides."""
    rng = np.random.default_rng([int(c) for c in str(genotype) if c.isdigit()])
    return 0.5 + 0.3 * np.tanh(parameters_of(genotype) / 100) + 0.1 * float(rng.random())


def parameters_of(genotype):
    return float(sum(block.channels * block.repeats for block in genotype.blocks))


def measured(genotype):
    return {"fitness": 1.0 - ap_of(genotype), "ap": ap_of(genotype), "parameters": parameters_of(genotype)}


def opened(path, **options):
    sampler = EvolutionSampler(SPACE, **{**OPTIONS, **options})
    study = optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(str(path))),
        sampler=sampler,
        directions=DIRECTIONS,
        load_if_exists=True,
    )
    return study, sampler


def searched(study, sampler, total):
    while len(study.get_trials(deepcopy=False)) < total:
        trial = sampler.ask(study)
        (genotype,) = {each.genotype for each in sampler.history(study).individuals if each.number == trial.number}
        tell(study, trial.number, measured(genotype), sampler.settings.targets)
    return read_history(study, sampler.settings).individuals


def dominates(one, other):
    no_worse = one["ap"] >= other["ap"] and one["parameters"] <= other["parameters"]
    return no_worse and (one["ap"] > other["ap"] or one["parameters"] < other["parameters"])


def test_optuna_holds_the_values_in_their_directions_and_knows_the_front(tmp_path):
    study, sampler = opened(tmp_path / "journal")
    individuals = searched(study, sampler, 33)
    for trial, individual in zip(study.trials, individuals, strict=True):
        assert trial.values == [individual.ap, individual.parameters]
        assert individual.measurements == measured(individual.genotype)
    expected = {
        each.number
        for each in individuals
        if not any(dominates(other.measurements, each.measurements) for other in individuals)
    }
    assert {trial.number for trial in study.best_trials} == expected
    best = select(individuals, len(expected), find_selection("pareto", objectives=BOTH))
    assert {each.number for each in best} == expected


def test_parents_are_of_the_first_fronts(tmp_path):
    study, sampler = opened(tmp_path / "journal")
    for individual in searched(study, sampler, 33):
        if individual.parent is None:
            continue
        earlier = [e for e in sampler.history(study).individuals if e.generation < individual.generation]
        strategy = sampler.settings.strategy
        assert individual.parent in {each.number for each in strategy.rank(earlier, 2)}


def test_a_search_broken_off_anywhere_is_the_same(tmp_path):
    whole = searched(*opened(tmp_path / "whole"), 21)
    for total in (1, 4, 9, 16, 21):
        parts = searched(*opened(tmp_path / "parts"), total)
    assert parts == whole


def test_the_front_moves_on_and_optuna_draws_its_hypervolume(tmp_path):
    study, sampler = opened(tmp_path / "journal")
    searched(study, sampler, 41)
    axes = optuna.visualization.matplotlib.plot_hypervolume_history(study, [0.0, 200.0])
    volumes = axes.lines[0].get_ydata() if axes.lines else axes.collections[0].get_offsets()[:, 1]
    assert len(volumes) == 41
    assert all(later >= earlier for earlier, later in pairwise(volumes))
    assert volumes[-1] > volumes[0]


def test_optuna_draws_a_stored_front(tmp_path):
    plotly = pytest.importorskip("plotly")
    searched(*opened(tmp_path / "journal"), 21)
    study, _ = opened(tmp_path / "journal")  # as whoever looks at it reads it
    figure = optuna.visualization.plot_pareto_front(study, target_names=["AP", "parameters"])
    assert isinstance(figure, plotly.graph_objects.Figure)
    drawn = [set(zip(trace.x, trace.y, strict=True)) for trace in figure.data]
    front = {tuple(trial.values) for trial in study.best_trials}
    assert front in drawn
    assert set().union(*drawn) == {tuple(trial.values) for trial in study.trials} > front
    history = optuna.visualization.plot_hypervolume_history(study, [0.0, 200.0]).data[0]
    assert len(history.y) == 21
    assert history.y[-1] > history.y[0]


def test_an_objective_function_returns_the_values_themselves():
    sampler = EvolutionSampler(SPACE, **OPTIONS)
    study = optuna.create_study(sampler=sampler, directions=DIRECTIONS)

    def objective(trial):
        genotype = suggest_genotype(trial, SPACE)
        return ap_of(genotype), parameters_of(genotype)

    study.optimize(objective, n_trials=9)
    individuals = read_history(study, sampler.settings).individuals
    for individual in individuals:
        assert individual.ap == ap_of(individual.genotype)
        assert individual.fitness == -individual.ap  # of two values the first, as less is better


def test_one_objective_other_than_the_fitness_is_the_studys_value():
    sampler = EvolutionSampler(SPACE, children=4, parents=2, seed=5, objectives=["ap"])
    study = optuna.create_study(sampler=sampler, direction="maximize")
    individuals = searched(study, sampler, 13)
    assert study.best_value == max(each.ap for each in individuals)
    by_fitness = EvolutionSampler(SPACE, children=4, parents=2, seed=5, selection="ap")
    other = searched(optuna.create_study(sampler=by_fitness), by_fitness, 13)
    assert [each.genotype for each in other] == [each.genotype for each in individuals]


def test_any_objective_takes_part():
    heads = Objective("repeats", frozenset({"parameters"}), lambda measurements: measurements["parameters"] % 7)
    sampler = EvolutionSampler(SPACE, children=4, parents=2, objectives=["val_loss", "latency", heads])
    assert [each.direction for each in sampler.settings.targets] == ["minimize"] * 3
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * 3)
    for number in range(6):
        trial = sampler.ask(study)
        tell(
            study,
            trial.number,
            {"fitness": 1.0, "val_loss": number % 3, "latency": number % 2, "parameters": number},
            sampler.settings.targets,
        )
    assert study.trials[5].values == [2, 1, 5]


@pytest.mark.parametrize(
    ("directions", "told"),
    [
        (["minimize"], r"^study: got directions minimize, must be maximize, minimize for objectives ap, parameters$"),
        (["minimize", "minimize"], r"^study: got directions minimize, minimize, must be maximize, minimize"),
    ],
)
def test_a_study_of_other_directions_is_refused(directions, told):
    sampler = EvolutionSampler(SPACE, **OPTIONS)
    study = optuna.create_study(sampler=sampler, directions=directions)
    with pytest.raises(ValueError, match=told):
        sampler.ask(study)


def test_a_study_of_several_values_is_refused_where_the_fitness_is_the_only_objective():
    sampler = EvolutionSampler(SPACE, children=4, parents=2)
    with pytest.raises(ValueError, match=r"^study: got directions minimize, minimize, must be minimize for"):
        sampler.ask(optuna.create_study(sampler=sampler, directions=["minimize"] * 2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objectives": ["ap", "speed"]}, r"^objectives: got 'speed', must be one of fitness, ap, val_loss"),
        ({"objectives": ["ap", "ap"]}, r"^objectives: got ap, ap, must be at least one, each once$"),
        ({"objectives": []}, r"^objectives: got none, must be"),
        (
            {"selection": "last-generation"},
            r"^selection: got 'last-generation' with objectives ap, parameters, must be fitness or pareto$",
        ),
    ],
)
def test_objectives_that_cannot_be_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        EvolutionSampler(SPACE, **{**OPTIONS, **options})


def test_objectives_are_found_by_name():
    assert [each.name for each in find_objectives(["latency", "ap"])] == ["latency", "ap"]

"""The sampler in Optuna: what is stored, what is refused, and ordinary studies."""

import copy

import optuna
import pytest
from optuna.trial import TrialState
from tests.evolution.searching import (
    BOTH_WAYS,
    OPTIONS,
    SPACE,
    TINY,
    TOTAL,
    ask_atomically,
    expected_search,
    found,
    loss_of,
    open_study,
    resume,
)

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler import (
    EvolutionSampler,
    Individual,
    NotReadyError,
    Role,
    State,
    gene_distributions,
    genotype_from_params,
    genotype_to_params,
    read_history,
    suggest_genotype,
    tell,
)
from evopose2d.genotype import NoUnseenNeighbour, neighbours, reachable_size


@BOTH_WAYS
@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
def test_a_study_finds_what_the_algorithm_gives(ask, schedule):
    sampler = EvolutionSampler(SPACE, **OPTIONS, schedule=schedule)
    study = optuna.create_study(sampler=sampler)
    resume(study, sampler, ask)
    assert found(study, sampler) == expected_search(schedule=schedule)


def test_who_asks_too_early_is_told_and_gets_no_trial():
    sampler = EvolutionSampler(SPACE, **OPTIONS, exclusive=True)
    study = optuna.create_study(sampler=sampler)
    sampler.ask(study)
    assert not sampler.can_ask(study)
    with pytest.raises(NotReadyError, match="individual 0 of generation 0 has not finished"):
        sampler.ask(study)
    assert len(study.trials) == 1
    study.tell(0, state=TrialState.FAIL)
    assert sampler.can_ask(study)
    with pytest.raises(SearchError, match="all that could be its parent failed"):
        sampler.ask(study)
    assert len(study.trials) == 1


def test_a_search_ends_when_nothing_is_left():
    sampler = EvolutionSampler(TINY, children=4, schedule="steady-state")
    study = optuna.create_study(sampler=sampler)
    for number in range(reachable_size(TINY)):
        tell(study, sampler.ask(study).number, {"fitness": float(number)})
    assert sampler.can_ask(study)
    with pytest.raises(NoUnseenNeighbour):
        sampler.ask(study)
    assert len(study.trials) == reachable_size(TINY)


def test_results_are_read_back():
    sampler = EvolutionSampler(SPACE, **OPTIONS)
    study = optuna.create_study(sampler=sampler)
    sampler.ask(study)
    measurements = {"fitness": 0.5, "ap": 0.7, "val_loss": 0.6, "parameters": 1234, "latency": 3.5}
    tell(study, 0, measurements)
    sampler.ask(study)
    study.tell(1, state=TrialState.FAIL)
    sampler.ask(study)
    first, second, third = read_history(study, sampler.settings).individuals
    assert first == Individual(0, 0, None, SPACE.ancestor, State.COMPLETE, measurements, Role.ANCESTOR)
    assert (second.state, second.fitness, second.parent) == (State.FAILED, None, 0)
    assert third.state is State.RUNNING
    assert study.trials[2].user_attrs["mutation"].startswith("block ")
    assert study.trials[2].user_attrs["generation"] == 1
    for number, message in ((0, "trial 0: got state COMPLETE"), (1, "trial 1: got state FAIL")):
        with pytest.raises(ValueError, match=message):
            tell(study, number, {"fitness": 0.1})


def test_an_ordinary_objective_can_suggest_genes_and_more():
    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        genotype = suggest_genotype(trial, SPACE)
        rates.append(rate)
        return loss_of(genotype)

    runs = []
    for _ in range(2):
        rates = []
        sampler = EvolutionSampler(SPACE, **OPTIONS)
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=TOTAL)
        assert found(study, sampler) == expected_search()
        assert len(set(rates)) == TOTAL
        runs.append(rates)
    assert runs[0] == runs[1]


def test_parameters_of_one_trial_are_drawn_apart():
    trial = optuna.create_study(sampler=EvolutionSampler(SPACE, **OPTIONS)).ask()
    assert len({trial.suggest_float(name, 0, 1) for name in ("learning_rate", "weight_decay", "dropout")}) == 3


def test_parallel_threads_never_get_the_same_genotype():
    sampler = EvolutionSampler(SPACE, parents=1, schedule="steady-state")
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: loss_of(suggest_genotype(trial, SPACE)), n_trials=1)
    study.optimize(lambda trial: loss_of(suggest_genotype(trial, SPACE)), n_trials=30, n_jobs=4)
    assert len({str(sorted(trial.params.items())) for trial in study.trials}) == 31


def test_the_greatest_value_is_fittest_where_the_study_maximises():
    sampler = EvolutionSampler(SPACE, children=2, parents=1)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for number, value in enumerate([0.5, 0.9, 0.1]):
        sampler.ask(study)
        tell(study, number, {"fitness": value})
    assert sampler.ask(study).user_attrs["parent"] == 1


@pytest.mark.parametrize("state", ["waiting", "running", "failed"])
def test_what_was_put_in_by_hand_does_not_come_again(state):
    by_hand = neighbours(TINY.ancestor, TINY)[0]
    sampler = EvolutionSampler(TINY, children=3, parents=1, schedule="steady-state")
    study = optuna.create_study(sampler=sampler)
    tell(study, sampler.ask(study).number, {"fitness": 0.5})
    study.enqueue_trial(genotype_to_params(by_hand))
    if state != "waiting":
        assert genotype_from_params(study.ask(gene_distributions(TINY)).params) == by_hand
    if state == "failed":
        study.tell(1, state=TrialState.FAIL)
    if state == "waiting":  # who was enqueued comes first
        assert genotype_from_params(sampler.ask(study).params) == by_hand
    others = set(neighbours(TINY.ancestor, TINY)) - {by_hand}
    assert {genotype_from_params(sampler.ask(study).params) for _ in others} == others
    with pytest.raises(NoUnseenNeighbour):
        sampler.ask(study)


def test_a_gene_of_another_range_is_refused():
    study = optuna.create_study(sampler=EvolutionSampler(SPACE))
    trial = study.ask()
    with pytest.raises(ValueError, match=r"b7_channels: got IntDistribution.*must be IntDistribution"):
        trial.suggest_int("b7_channels", 6, 9)


def test_all_genes_of_a_trial_belong_to_one_genotype():
    sampler = EvolutionSampler(SPACE, **OPTIONS)
    study = optuna.create_study(sampler=sampler)
    resume(study, sampler, ask_atomically, total=1)
    # A trial as it was before any gene was drawn: what has been drawn since is not in it.
    number = study.ask().number
    trial = study.get_trials()[number]
    params = sampler.sample_relative(study, trial, gene_distributions(SPACE))
    assert genotype_from_params(params) == read_history(study, sampler.settings).get(number).genotype


def test_a_copy_of_the_sampler_goes_on_alike():
    sampler = EvolutionSampler(SPACE, **OPTIONS)
    study = optuna.create_study(sampler=sampler)
    resume(study, sampler, ask_atomically, total=5)
    study.sampler = copy.deepcopy(sampler)
    resume(study, study.sampler, ask_atomically)
    assert found(study, sampler) == expected_search()


def test_genes_as_parameters():
    distributions = gene_distributions(SPACE)
    assert len(distributions) == 28
    assert list(distributions) == list(genotype_to_params(SPACE.ancestor))
    assert genotype_to_params(SPACE.ancestor)["b7_channels"] == 5
    assert genotype_from_params({**genotype_to_params(SPACE.ancestor), "other": "x"}) == SPACE.ancestor
    assert genotype_from_params({"b1_kernel": 3}) is None
    for name in ("b4_stride", "b5_stride"):
        assert distributions[name].single() == (name == "b4_stride")


@BOTH_WAYS
@pytest.mark.parametrize(
    "options",
    [{}, {"schedule": "steady-state"}, {"schedule": "steady-state", "selection": "aging", "population": 4}],
    ids=["generational", "steady-state", "aging"],
)
def test_an_exclusive_sampler_knows_what_the_storage_holds(tmp_path, ask, options):
    study, sampler = open_study(tmp_path / "journal", exclusive=True, **options)
    resume(study, sampler, ask, total=TOTAL // 2)
    # Another process goes on, as it finds the study.
    study, sampler = open_study(tmp_path / "journal", exclusive=True, **options)
    resume(study, sampler, ask)
    assert found(study, sampler) == expected_search(**options)


def test_an_exclusive_sampler_leaves_the_storage_alone(tmp_path, monkeypatch):
    study, sampler = open_study(tmp_path / "journal", exclusive=True)
    resume(study, sampler, ask_atomically, total=2)
    monkeypatch.setattr(type(study._storage), "get_all_trials", lambda *arguments, **named: pytest.fail("read whole"))
    for number in range(2, 5):
        assert sampler.can_ask(study)
        assert sampler.ask(study).number == number

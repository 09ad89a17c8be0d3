"""The sampler in plain Optuna studies: killed, parallel, warm-started, with trials put in by hand."""

import subprocess
import sys
import textwrap
import threading

import optuna
import pytest
from optuna.samplers import PartialFixedSampler
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from tests.evolution.searching import SPACE, loss_of

from evopose2d.evolution.sampler import (
    EvolutionSampler,
    Role,
    gene_distributions,
    genotype_from_params,
    genotype_to_params,
    suggest_genotype,
    tell,
)
from evopose2d.genotype import neighbours

SCHEDULES = pytest.mark.parametrize("schedule", ["generational", "steady-state"])


def objective(trial):
    return loss_of(suggest_genotype(trial, SPACE))


def study_of(storage=None, **options):
    sampler = EvolutionSampler(SPACE, **{"children": 4, "parents": 2, "seed": 5, **options})
    study = optuna.create_study(study_name="search", storage=storage, sampler=sampler, load_if_exists=True)
    return study, sampler


def genotypes(study):
    return [genotype_from_params(trial.params) for trial in study.get_trials(deepcopy=False)]


@pytest.mark.slow
@SCHEDULES
def test_a_study_that_was_killed_within_a_trial_goes_on(schedule, tmp_path):
    path = str(tmp_path / "journal")
    killed = textwrap.dedent(
        f"""
        import os
        from tests.evolution.sampler.test_unattended import *
        def dies(trial):
            value = objective(trial)
            return value if trial.number < 4 else os._exit(9)
        study_of(JournalStorage(JournalFileBackend({path!r})), schedule={schedule!r})[0].optimize(dies, n_trials=9)
        """
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True).returncode == 9
    study, sampler = study_of(JournalStorage(JournalFileBackend(path)), schedule=schedule)
    study.optimize(objective, n_trials=8)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE] * 4 + [TrialState.RUNNING] + [TrialState.COMPLETE] * 8
    assert len(set(genotypes(study))) == 13
    assert sampler.history(study).get(12).generation >= 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*experimental", "ignore:Heartbeat of storage is supposed to be used with")
@pytest.mark.parametrize("retries", [0, 1])
def test_heartbeats_decide_about_trials_of_killed_processes(retries, tmp_path):
    callback = RetryHeartbeatStaleTrialCallback(max_retry=retries) if retries else None
    storage = RDBStorage(
        f"sqlite:///{tmp_path / 'study.db'}",
        heartbeat_interval=1,
        grace_period=1,
        heartbeat_stale_trial_callback=callback,
    )
    study, _ = study_of(storage)
    study.optimize(objective, n_trials=3)
    left = study.ask()
    genotype = suggest_genotype(left, SPACE)
    storage.record_heartbeat(left._trial_id)
    threading.Event().wait(2.5)
    fail_stale_trials(study)
    assert study.trials[3].state is TrialState.FAIL
    study.optimize(objective, n_trials=3)
    again = [trial.number for trial in study.trials if genotype_from_params(trial.params) == genotype]
    assert again == [3, 4][: 1 + retries]
    assert {trial.state for trial in study.trials[4:]} == {TrialState.COMPLETE}


@SCHEDULES
def test_parallel_jobs_lose_no_trial(schedule):
    study, _ = study_of(schedule=schedule)
    together = threading.Barrier(2, timeout=30)

    def first_two_at_once(trial):
        if trial.number < 2:
            together.wait()
        value = objective(trial)
        if trial.number < 2:
            together.wait()
        return value

    study.optimize(first_two_at_once, n_trials=13, n_jobs=2)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 13
    assert len(set(genotypes(study))) == 13
    # One of the first two is the ancestor, the other a mutation of it that has no parent to inherit from.
    assert SPACE.ancestor in genotypes(study)[:2]
    assert [trial.user_attrs.get("parent") for trial in study.trials[:2]] == [None, None]


@SCHEDULES
@pytest.mark.parametrize("end", ["failed", "pruned", "nan"])
def test_an_ancestor_that_failed_does_not_end_a_study(schedule, end):
    study, sampler = study_of(schedule=schedule)

    def fails_once(trial):
        value = objective(trial)
        if trial.number == 0 and end == "failed":
            raise ZeroDivisionError
        if trial.number == 0 and end == "pruned":
            raise optuna.TrialPruned
        return float("nan") if trial.number == 0 else value

    study.optimize(fails_once, n_trials=3, catch=(ZeroDivisionError,))
    assert [trial.state is TrialState.COMPLETE for trial in study.trials] == [False, True, True]
    study.enqueue_trial(genotype_to_params(SPACE.ancestor))
    study.optimize(objective, n_trials=1 + 8)
    ancestor = sampler.history(study).get(3)
    assert (ancestor.genotype, ancestor.generation, ancestor.role) == (SPACE.ancestor, 0, Role.ANCESTOR)
    assert sampler.history(study).children() == 9


def test_an_exclusive_search_whose_ancestor_failed_goes_on_after_it_was_enqueued_again():
    study, sampler = study_of()
    sampler.ask(study)
    study.tell(0, state=TrialState.FAIL)
    study, sampler = study, EvolutionSampler(SPACE, children=4, parents=2, exclusive=True)
    study.sampler = sampler
    study.enqueue_trial(genotype_to_params(SPACE.ancestor))
    assert sampler.can_ask(study)
    again = sampler.ask(study)
    assert (again.number, genotype_from_params(again.params)) == (1, SPACE.ancestor)
    assert not sampler.can_ask(study)
    tell(study, 1, {"fitness": 0.5})
    assert [sampler.ask(study).user_attrs["parent"] for _ in range(4)] == [1, 1, 1, 1]


@SCHEDULES
def test_added_trials_become_parents_at_once(schedule):
    study, sampler = study_of(schedule=schedule, children=10)
    known = neighbours(SPACE.ancestor, SPACE)[:30]
    for position, genotype in enumerate(known):
        value = 0.1 + abs(position - 17)
        study.add_trial(
            optuna.create_trial(
                params=genotype_to_params(genotype), distributions=gene_distributions(SPACE), value=value
            )
        )
    trials = [sampler.ask(study) for _ in range(10)]
    assert {trial.user_attrs["parent"] for trial in trials} == {16, 17}
    assert {trial.user_attrs["generation"] for trial in trials} == {1}
    assert not set(known) & set(genotypes(study)[30:])
    if schedule == "generational":
        assert sampler.ask(study).user_attrs["generation"] == 2


def test_enqueued_trials_come_first_from_ask_too():
    study, sampler = study_of()
    wanted = neighbours(SPACE.ancestor, SPACE)[7]
    study.enqueue_trial(genotype_to_params(wanted))
    study.enqueue_trial({"b7_kernel": 3, "b6_channels": 2})
    whole, partly = sampler.ask(study), sampler.ask(study)
    assert genotype_from_params(whole.params) == wanted
    assert (partly.params["b7_kernel"], partly.params["b6_channels"]) == (3, 2)
    tell(study, 0, {"fitness": 0.5})
    assert sampler.ask(study).user_attrs["parent"] == 0
    assert len(set(genotypes(study))) == 3


def test_a_study_asked_before_its_ancestor_is_done_goes_on():
    study, sampler = study_of()
    early = [study.ask(gene_distributions(SPACE)) for _ in range(3)]
    study.ask()  # and one that never gets any genes
    for trial in early:
        tell(study, trial.number, {"fitness": 0.5})
    study.optimize(objective, n_trials=9)
    assert len(set(filter(None, genotypes(study)))) == 12
    assert sampler.history(study).open_generation(4) == 3


@pytest.mark.filterwarnings("ignore:PartialFixedSampler is experimental")
def test_partly_fixed_genes_make_no_genotype_twice():
    study, sampler = study_of()
    study.optimize(objective, n_trials=1)
    for _ in range(6):
        study.enqueue_trial({"b1_kernel": 5, "b5_kernel": 3})
    study.optimize(objective, n_trials=6)
    assert all((trial.params["b1_kernel"], trial.params["b5_kernel"]) == (5, 3) for trial in study.trials[1:])
    study.sampler = PartialFixedSampler({"b2_kernel": 5, "b6_channels": 2}, sampler)
    study.optimize(objective, n_trials=12)
    assert all((trial.params["b2_kernel"], trial.params["b6_channels"]) == (5, 2) for trial in study.trials[7:])
    assert len(set(genotypes(study))) == 19
    assert all(genotype in SPACE for genotype in genotypes(study))


def test_processes_that_propose_the_same_genotype_at_once_give_way(tmp_path, monkeypatch):
    storages = [f"sqlite:///{tmp_path / 'study.db'}" for _ in range(2)]
    (study, sampler), (other_study, _) = (study_of(storage) for storage in storages)
    study.optimize(objective, n_trials=1)
    trial = study.ask()
    # The other process has read the study before, and writes what this one is about to draw before this one reads.
    stolen = optuna.create_study(sampler=EvolutionSampler(SPACE, children=4, parents=2, seed=5))
    stolen.optimize(objective, n_trials=1)
    drawn = suggest_genotype(stolen.ask(), SPACE)
    write = type(study._storage).set_trial_system_attr

    def late(storage, trial_id, key, value):
        monkeypatch.undo()
        other_study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING, params=genotype_to_params(drawn), distributions=gene_distributions(SPACE)
            )
        )
        write(storage, trial_id, key, value)
        assert value["genotype"] == drawn.to_lists()

    monkeypatch.setattr(type(study._storage), "set_trial_system_attr", late)
    assert suggest_genotype(trial, SPACE) != drawn
    assert sampler.history(study).get(1).genotype == genotype_from_params(study.trials[1].params)
    assert len(set(genotypes(study))) == 3


def test_without_a_seed_one_is_drawn_and_kept(tmp_path):
    walks = []
    for name in ("one", "another"):
        study, _ = study_of(JournalStorage(JournalFileBackend(str(tmp_path / name))), seed=None)
        study.optimize(objective, n_trials=5)
        study, _ = study_of(JournalStorage(JournalFileBackend(str(tmp_path / name))), seed=None)
        study.optimize(objective, n_trials=5)
        walks.append(genotypes(study))
    seed = study._storage.get_study_system_attrs(study._study_id)["evopose2d:seed"]
    whole, _ = study_of(seed=seed)
    whole.optimize(objective, n_trials=10)
    assert genotypes(whole) == walks[1]
    assert walks[0] != walks[1]

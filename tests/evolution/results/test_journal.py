import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState
from search_doubles import make_params

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.configuration import evolution_sampler
from evopose2d.evolution.results.journal import fail, open_study, read_study
from evopose2d.evolution.sampler import tell


@pytest.fixture
def sampler(tmp_path):
    return evolution_sampler(make_params(tmp_path), 17)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search" / "study.journal"


def test_a_study_goes_on_where_it_was(path, sampler):
    study = open_study(path, sampler)
    first = sampler.ask(study)
    tell(study, first.number, {"fitness": 3.0})
    again = open_study(path, sampler)
    assert [trial.state for trial in again.trials] == [TrialState.COMPLETE]
    assert sampler.ask(again).number == 1


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_an_entry_that_was_not_written_to_its_end_is_taken_off(path, sampler, kept):
    study = open_study(path, sampler)
    tell(study, sampler.ask(study).number, {"fitness": 3.0})
    whole = path.read_bytes()
    expected = sampler.ask(study).params
    entry = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + entry[: int(len(entry) * kept)])

    repaired = open_study(path, sampler)
    assert len(repaired.trials) == 1
    assert sampler.ask(repaired).params == expected
    assert len(open_study(path, sampler).trials) == 2


def _refuse_to_wait(lock):
    Path(lock._lock_file).symlink_to(lock._lock_target_file)
    return True


def test_the_lock_of_a_killed_driver_does_not_hold_up(path, sampler, monkeypatch):
    monkeypatch.setattr("evopose2d.evolution.results.journal._LOCK_PATIENCE", 0.1)
    # Optuna's own patience lasts half a minute, and without end where the path is relative.
    monkeypatch.setattr("optuna.storages.journal.JournalFileSymlinkLock.acquire", _refuse_to_wait)
    open_study(path, sampler)
    path.with_name("study.journal.lock").symlink_to(path)
    study = open_study(path, sampler)
    assert sampler.ask(study).number == 0


def test_a_lock_that_is_held_for_moments_is_left_to_its_holder(path, sampler, monkeypatch):
    open_study(path, sampler)
    lock = path.with_name("study.journal.lock")
    lock.symlink_to(path)
    held = []

    def let_go_in_the_third_moment(seconds):
        held.append(lock.is_symlink())
        if len(held) == 3:
            lock.unlink(missing_ok=True)

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=let_go_in_the_third_moment)
    monkeypatch.setattr("evopose2d.evolution.results.journal.time", clock)
    open_study(path, sampler)
    assert held == [True] * 3


def test_a_failed_individual_says_why(path, sampler):
    study = open_study(path, sampler)
    sampler.ask(study)
    fail(study, 0, "the loss became nan")
    trial = open_study(path, sampler).trials[0]
    assert trial.state is TrialState.FAIL
    assert trial.user_attrs["error"] == "the loss became nan"


def test_reading_changes_nothing(path, sampler):
    study = open_study(path, sampler)
    sampler.ask(study)
    before = path.read_bytes()
    assert len(read_study(path).trials) == 1
    assert path.read_bytes() == before


def test_reading_says_where_there_is_no_search(path):
    with pytest.raises(SearchError, match=r"study\.journal: no such file"):
        read_study(path)


def test_a_file_that_is_no_journal_is_named(path, sampler):
    path.parent.mkdir()
    path.write_text("hello\n{}\n")
    with pytest.raises(SearchError, match=r"study\.journal: is no journal"):
        open_study(path, sampler)

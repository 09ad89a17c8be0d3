import logging
import threading
from pathlib import Path

import pytest
from search_doubles import FileTracker, InlineEngine, make_params

from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.tracking import tracker as tracker_module
from evopose2d.evolution.tracking.tracker import BackgroundTracking, reconcile_tracking


@pytest.fixture
def finished(tmp_path):
    """The store of a search that nobody tracked."""
    params = make_params(tmp_path, "evolve.generations=1")
    search.run(params, engine=InlineEngine)
    return SearchStore(Path(params.evolve.root))


def test_what_has_not_been_recorded_is(finished, tmp_path):
    tracker = FileTracker(tmp_path / "tracked")
    tracker.finished(finished.read_result(2), finished.folder(2))
    reconcile_tracking(tracker, finished, range(5))
    assert [number for number, _ in tracker.lines()] == [2, 0, 1, 3, 4]


def test_a_result_that_is_gone_is_told_and_the_others_are_recorded(finished, tmp_path, caplog):
    tracker = FileTracker(tmp_path / "tracked")
    (finished.folder(1) / "result.json").unlink()
    reconcile_tracking(tracker, finished, range(5))
    assert [number for number, _ in tracker.lines()] == [0, 2, 3, 4]
    assert "individual 1: finished, but" in caplog.text


def test_a_server_that_does_not_answer_holds_nothing_up(finished, tmp_path):
    answer = threading.Event()

    class Hanging(FileTracker):
        def finished(self, result, folder):
            answer.wait(60)
            super().finished(result, folder)

    tracker = Hanging(tmp_path / "tracked")
    with BackgroundTracking(tracker, finished) as tracking:
        for number in range(3):
            tracking.finished(finished.read_result(number))
        assert tracker.lines() == []
        answer.set()
    assert [number for number, _ in tracker.lines()] == [0, 1, 2]


def test_a_server_that_hangs_for_good_is_left_alone_at_the_end(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(tracker_module, "_LOOK", 0.01)
    begun, never = threading.Event(), threading.Event()

    class Hanging(FileTracker):
        def finished(self, result, folder):
            begun.set()
            never.wait()
            super().finished(result, folder)

        def is_responsive(self):
            return not begun.is_set()

    tracker = Hanging(tmp_path / "tracked")
    with BackgroundTracking(tracker, finished) as tracking:
        tracking.finished(finished.read_result(0))
    assert tracker.lines() == []
    never.set()


def test_a_stop_waits_for_the_record_that_is_being_made_alone(finished, tmp_path):
    begun, answer = threading.Event(), threading.Event()

    class Slow(FileTracker):
        def finished(self, result, folder):
            begun.set()
            answer.wait(60)
            super().finished(result, folder)

    tracker = Slow(tmp_path / "tracked")
    with pytest.raises(KeyboardInterrupt), BackgroundTracking(tracker, finished) as tracking:
        for number in range(3):
            tracking.finished(finished.read_result(number))
        begun.wait(60)
        threading.Timer(0.2, answer.set).start()
        raise KeyboardInterrupt
    assert [number for number, _ in tracker.lines()] == [0]


def test_what_a_tracker_raises_is_logged(finished, tmp_path, caplog):
    class Broken(FileTracker):
        def finished(self, result, folder):
            raise ValueError("out of order")

    with (
        caplog.at_level(logging.WARNING, "evopose2d"),
        BackgroundTracking(Broken(tmp_path / "tracked"), finished) as tracking,
    ):
        tracking.finished(finished.read_result(0))
    assert "tracking individual 0 failed, the search goes on: ValueError('out of order')" in caplog.text


def test_without_a_tracker_nothing_is_recorded(finished):
    with BackgroundTracking(None, finished) as tracking:
        tracking.finished(finished.read_result(0))
        tracking.reconcile(range(5))

"""Searches whose processes are really killed: what comes out is what an unbroken search gives."""

import os
import signal
from collections import Counter

import pytest
from broken_searches import MARK, check_nothing_lost
from process_marks import marked
from search_doubles import FileTracker, NotedMeter, population, run_measured, trained

from evopose2d.evolution.results.archive import read_search

pytestmark = pytest.mark.slow
STAGES = (
    ("within weights", 0),
    ("between weights and result", 6),
    ("between result and tell", 0),
    ("between tell and tracking", 6),
)


@pytest.mark.parametrize(("stage", "at"), STAGES)
def test_a_driver_killed_at_any_stage(stage, at, start, resume, unbroken, tmp_path):
    code, errors = start(engine="inline", kill=stage, at=at).wait()
    assert code == -signal.SIGKILL, errors
    resume()
    unfinished = stage in ("within weights", "between weights and result")
    check_nothing_lost(tmp_path / "broken", unbroken(), retrained=Counter([at] if unfinished else []))


@pytest.mark.parametrize(
    "scenario",
    [
        {"dies_at": 4},
        {"kill": "between weights and result", "at": 6},
        {"kill": "between result and tell", "at": 9},
    ],
    ids=str,
)
def test_a_driver_killed_while_networks_are_measured(scenario, start, tmp_path):
    expected = population(run_measured(tmp_path / "unbroken", NotedMeter(tmp_path / "unbroken" / "notes")))
    code, errors = start(engine="inline", measured=True, **scenario).wait()
    assert code == -signal.SIGKILL, errors
    root = tmp_path / "broken" / "search"
    measured = {path: path.stat().st_mtime_ns for path in (root / "latency").iterdir()}
    results = {path: path.stat().st_mtime_ns for path in root.glob("individuals/*/result.json")}
    assert measured and results
    resumed = run_measured(tmp_path / "broken", NotedMeter(tmp_path / "broken" / "notes"))
    assert population(resumed) == expected
    kept = {path: path.stat().st_mtime_ns for path in (*measured, *results)}
    assert kept == measured | results  # nothing that was finished is measured or trained again
    networks = (tmp_path / "broken/notes/measured").read_text().splitlines()
    unbroken = (tmp_path / "unbroken/notes/measured").read_text().splitlines()
    assert set(networks) == set(unbroken)
    assert len(networks) <= len(unbroken) + 1  # the one that was being written


@pytest.mark.parametrize("stage", ["between weights and result", "between tell and tracking"])
def test_a_driver_killed_in_its_finals(stage, start, resume, unbroken, tmp_path):
    overrides = ["evolve.controls=true", "evolve.finalists=1", "evolve.final_epochs=2", "evolve.final_seeds=1"]
    expected = unbroken(*overrides)
    finals = read_search(tmp_path / "unbroken" / "search").finals
    last = max(finals)
    assert len(finals) == 2 and last >= 10
    for at in (1, last):  # a control, which has the number of no finalist, and a finalist
        code, errors = start(engine="inline", kill=stage, at=at, overrides=overrides).wait()
        assert code == -signal.SIGKILL, errors
    resume(*overrides)
    again = Counter([1]) if stage == "between weights and result" else Counter()
    check_nothing_lost(tmp_path / "broken", expected, *overrides, retrained=again)
    assert read_search(tmp_path / "broken" / "search").finals == finals
    trained_again = trained(tmp_path / "broken" / "notes", finals=True)
    assert set(trained_again) == set(finals)
    assert len(trained_again) == len(finals) + len(again)
    lines = FileTracker(tmp_path / "broken" / "tracked").lines(finals=True)
    assert sorted(lines) == [(number, "complete") for number in sorted(finals)]


def test_a_driver_killed_while_it_trains(start, resume, unbroken, tmp_path):
    code, errors = start(engine="inline", dies_once=[5]).wait()
    assert code == -signal.SIGKILL, errors
    resume()
    check_nothing_lost(tmp_path / "broken", unbroken())


def test_workers_that_die_and_a_loss_that_is_not_a_number(start, unbroken, tmp_path):
    faults = {"dies_once": [0, 3], "dies": [5], "diverges": [2]}
    running = start(engine="ray", **faults)
    code, errors = running.wait()
    assert code == 0, errors
    expected = unbroken(diverges=(2, 5))
    check_nothing_lost(tmp_path / "broken", expected)
    assert "individual 0, attempt 1 of 2: its process ended" in errors
    assert "individual 2 failed: the loss became nan" in errors
    assert "individual 5 failed: its process ended" in errors
    running.check_all_ended()


@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_a_search_whose_ray_is_killed_says_so_and_goes_on(part, start, unbroken, tmp_path):
    first = start(engine="ray", seconds=1.0)
    first.wait_until_training(1)
    (process,) = [each for each in marked(MARK, first.folder) if each.name() == part]
    process.kill()
    code, errors = first.wait()
    assert code == 1
    last = errors.splitlines()[-1]
    assert f"Ray's {part} on this machine has ended; the same command goes on from here" in last
    assert "Traceback" not in errors
    first.check_all_ended()

    code, errors = start(engine="ray").wait()
    assert code == 0, errors
    noted = Counter(trained(tmp_path / "broken" / "notes"))
    check_nothing_lost(tmp_path / "broken", unbroken(), retrained=noted - Counter(range(9)))
    assert max(noted.values()) <= 2


def test_a_search_killed_again_and_again(start, unbroken, tmp_path):
    """One search on Ray: the driver killed while training, then at a stage, then everything at once, then Ctrl-C."""
    first = start(engine="ray", seconds=0.5)
    first.wait_until_training(1)
    first.check_loopback()
    first.process.kill()
    first.check_all_ended()
    first.wait()

    code, errors = start(engine="ray", kill="between result and tell", at=3).wait()
    assert code == -signal.SIGKILL, errors

    third = start(engine="ray", seconds=0.5)
    third.wait_until_training(5)
    third.kill_everything()
    third.check_all_ended()
    third.wait()

    fourth = start(engine="ray", seconds=0.5)
    fourth.wait_until_training(7)
    os.killpg(fourth.process.pid, signal.SIGINT)
    code, errors = fourth.wait()
    assert code == 130
    assert "the same command goes on" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    fourth.check_all_ended()

    code, errors = start(engine="ray").wait()
    assert code == 0, errors
    expected = unbroken()
    # Those that were being trained when everything was killed may have come to their end unnoticed.
    noted = Counter(trained(tmp_path / "broken" / "notes"))
    check_nothing_lost(tmp_path / "broken", expected, retrained=noted - Counter(range(9)))
    assert max(noted.values()) <= 2


def test_a_second_driver_is_refused_and_the_first_goes_on(start, unbroken, tmp_path):
    first = start(engine="inline", seconds=0.3)
    first.wait_until_training(0)
    code, errors = start(engine="inline").wait()
    assert code == 1
    assert len(errors.splitlines()) == 1
    assert f"process {first.process.pid} on" in errors
    assert first.wait()[0] == 0
    check_nothing_lost(tmp_path / "broken", unbroken())

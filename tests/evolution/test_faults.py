"""Searches whose processes are really killed: what comes out is what an unbroken search gives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from process_marks import kill_marked, listening_addresses, marked
from search_doubles import (
    MEASURED,
    FileTracker,
    InlineEngine,
    NotedMeter,
    Trainer,
    make_params,
    population,
    run_measured,
    trained,
)

from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import read_search

pytestmark = pytest.mark.slow
DRIVER = Path(__file__).parent / "fault_driver.py"
_MARK = "FAULT_TEST"
PATIENCE = 120  # seconds, for a machine that is busy
STAGES = (
    ("within weights", 0),
    ("between weights and result", 6),
    ("between result and tell", 0),
    ("between tell and tracking", 6),
)


class Running:
    """A driver process, with all of the processes that it starts."""

    def __init__(self, folder: Path, **scenario) -> None:
        self.folder = folder
        command = [sys.executable, str(DRIVER), str(folder), json.dumps(scenario)]
        environment = {**os.environ, _MARK: str(folder), "MLFLOW_RUN_ID": "of the driver"}
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait(self) -> tuple[int, str]:
        """Give the exit status and what was said, once the driver has ended; standard output must stay empty."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        assert output == ""
        return self.process.returncode, errors

    def wait_until_training(self, number: int) -> None:
        begun = self.folder / "notes" / f"training-{number}"
        wait_until(lambda: begun.exists() or self.process.poll() is not None)
        assert begun.exists(), self.wait()

    def kill_everything(self) -> None:
        kill_marked(_MARK, self.folder)

    def check_loopback(self) -> None:
        """Nothing that the driver started listens to other machines."""
        addresses = listening_addresses(marked(_MARK, self.folder))
        assert addresses
        assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}

    def check_all_ended(self) -> None:
        # Left to themselves, Ray's agents end a minute after the driver.
        wait_until(lambda: not marked(_MARK, self.folder), patience=30)


def wait_until(condition, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path, raising_interrupts):
    """Start a driver in a folder of the test; whatever it started ends with the test."""
    started = []

    def begin(folder="broken", **scenario) -> Running:
        (tmp_path / folder).mkdir(exist_ok=True)
        started.append(Running(tmp_path / folder, **scenario))
        return started[-1]

    yield begin
    for running in started:
        running.kill_everything()
        running.process.communicate()


@pytest.fixture
def unbroken(tmp_path):
    """Give the population of a search that nothing happens to."""

    def search_through(*overrides, **faults):
        params = make_params(tmp_path / "unbroken", *overrides)
        search.run(params, engine=partial(InlineEngine, trainer=Trainer(tmp_path / "unbroken" / "notes", **faults)))
        return population(params)

    return search_through


def check_nothing_lost(folder: Path, expected, *overrides, retrained: Counter | None = None) -> None:
    """Hold a search against an unbroken one: same population, nobody trained or recorded twice, nobody left out."""
    params = make_params(folder, *overrides)
    assert population(params) == expected
    store = SearchStore(Path(params.evolve.root))
    complete = [each for each in expected if each.state == "complete"]
    assert [(result.number, result.genotype) for result in store.results()] == [
        (each.number, each.genotype) for each in complete
    ]
    assert all(json.loads(store.read_weights(each.number))["genotype"] == each.genotype.to_lists() for each in complete)
    again = Counter(trained(folder / "notes"))
    again.subtract(each.number for each in complete)
    assert +again == (retrained or Counter())
    assert list(store.root.rglob("individuals/*/.*")) == []
    assert sorted(FileTracker(folder / "tracked").lines()) == [(each.number, each.state) for each in expected]


@pytest.mark.parametrize(("stage", "at"), STAGES)
def test_a_driver_killed_at_any_stage(stage, at, start, unbroken, tmp_path):
    code, errors = start(engine="inline", kill=stage, at=at).wait()
    assert code == -signal.SIGKILL, errors
    assert start(engine="inline").wait()[0] == 0
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
    assert start(engine="inline", measured=True).wait()[0] == 0
    assert population(make_params(tmp_path / "broken", *MEASURED)) == expected
    kept = {path: path.stat().st_mtime_ns for path in (*measured, *results)}
    assert kept == measured | results  # nothing that was finished is measured or trained again
    networks = (tmp_path / "broken/notes/measured").read_text().splitlines()
    unbroken = (tmp_path / "unbroken/notes/measured").read_text().splitlines()
    assert set(networks) == set(unbroken)
    assert len(networks) <= len(unbroken) + 1  # the one that was being written


@pytest.mark.parametrize("stage", ["between weights and result", "between tell and tracking"])
def test_a_driver_killed_in_its_finals(stage, start, unbroken, tmp_path):
    overrides = ["evolve.controls=true", "evolve.finalists=1", "evolve.final_epochs=2", "evolve.final_seeds=1"]
    expected = unbroken(*overrides)
    finals = read_search(tmp_path / "unbroken" / "search").finals
    last = max(finals)
    assert len(finals) == 2 and last >= 10
    for at in (1, last):  # a control, which has the number of no finalist, and a finalist
        code, errors = start(engine="inline", kill=stage, at=at, overrides=overrides).wait()
        assert code == -signal.SIGKILL, errors
    assert start(engine="inline", overrides=overrides).wait()[0] == 0
    again = Counter([1]) if stage == "between weights and result" else Counter()
    check_nothing_lost(tmp_path / "broken", expected, *overrides, retrained=again)
    assert read_search(tmp_path / "broken" / "search").finals == finals
    trained_again = trained(tmp_path / "broken" / "notes", finals=True)
    assert set(trained_again) == set(finals)
    assert len(trained_again) == len(finals) + len(again)
    lines = FileTracker(tmp_path / "broken" / "tracked").lines(finals=True)
    assert sorted(lines) == [(number, "complete") for number in sorted(finals)]


def test_a_driver_killed_while_it_trains(start, unbroken, tmp_path):
    code, errors = start(engine="inline", dies_once=[5]).wait()
    assert code == -signal.SIGKILL, errors
    assert start(engine="inline").wait()[0] == 0
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
    (process,) = [each for each in marked(_MARK, first.folder) if each.name() == part]
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


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Address of a cluster with a machine that cannot import the project."""
    # Ray takes from the environment, when it is imported, that all of it stays on the loopback address.
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    (tmp_path / "shadow/evopose2d").mkdir(parents=True)
    (tmp_path / "shadow/evopose2d/__init__.py").write_text("raise ImportError('not installed here')")
    process = subprocess.Popen(
        [sys.executable, DRIVER.parent / "small_cluster.py", tmp_path / "shadow"],
        env={**os.environ, _MARK: f"{tmp_path} cluster"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process.stdout.readline().strip()
    kill_marked(_MARK, f"{tmp_path} cluster")
    process.communicate()


def test_a_machine_that_cannot_run_the_project_costs_no_individual_an_attempt(cluster, start, unbroken, tmp_path):
    running = start(engine="ray", overrides=[f"evolve.ray_address='{cluster}'"])
    code, errors = running.wait()
    assert code == 0, errors
    assert "is left out: cannot import the project (ImportError: not installed here)" in errors
    assert "attempt" not in errors
    check_nothing_lost(tmp_path / "broken", unbroken())


@pytest.mark.parametrize(("part", "named"), [("raylet", "raylet"), ("gcs_server", "GCS")])
def test_the_end_of_a_clusters_ray_is_told(part, named, cluster, start, tmp_path):
    running = start(engine="ray", seconds=2.0, overrides=[f"evolve.ray_address='{cluster}'"])
    running.wait_until_training(1)
    for each in marked(_MARK, f"{tmp_path} cluster"):
        if each.name() == part:
            each.kill()
    code, errors = running.wait()
    assert code == 1
    assert f"Ray's {named} " in errors.splitlines()[-1], errors
    assert "has ended; the same command goes on from here" in errors.splitlines()[-1]
    status = json.loads((tmp_path / "broken/search/status.json").read_text())
    assert status["state"] == "failed" and named in status["reason"]

"""A search in MLflow: every individual exactly once, whatever is killed or does not answer."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient
from search_doubles import InlineEngine, Trainer, make_params, trained

from evopose2d.errors import Interrupted, SearchError
from evopose2d.evolution import tracked
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.lock import driver_lock
from evopose2d.evolution.results import report as report_module
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.finished_network import FinishedNetwork
from evopose2d.evolution.tracking import champion as champion_module
from evopose2d.evolution.tracking import recorder as recorder_module
from evopose2d.evolution.tracking import records as records_module
from evopose2d.evolution.tracking import registration
from evopose2d.evolution.tracking.recorder import SearchRecorder
from evopose2d.tracking import TrackingError, connection, search_runs
from evopose2d.tracking.connection import connect
from evopose2d.tracking.search_runs import SearchRuns

DRIVER = Path(__file__).parent / "mlflow_driver.py"
SETTINGS = (
    "evolve.generations=1",
    "evolve.children=3",
    "evolve.parents=1",
    "evolve.attempts=1",
    "tracking.log_model=false",
)
NOBODY = "http://me:secret@127.0.0.1:9"


@pytest.fixture(autouse=True)
def _blank_drawings(request, monkeypatch):
    """Drawings take most of the time; only the test of the command line looks at them."""
    for module in (records_module, report_module):
        monkeypatch.setattr(module, "save_figure", lambda figure, path: path.touch())


@pytest.fixture
def params(mlflow_uri: str, tmp_path: Path):
    return make_params(tmp_path, *SETTINGS, f"tracking.uri={mlflow_uri}")


def run(params, folder: Path, **faults):
    return tracked.run(params, engine=partial(InlineEngine, trainer=Trainer(folder / "notes", **faults)))


def runs_of(uri: str, kind: str):
    client = MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(experiments, f"tags.kind = '{kind}'", max_results=1000)


def check_all_is_there(uri: str, folder: Path, total: int = 4, failed: tuple[int, ...] = ()) -> None:
    """Every individual has one run, whole and below the search's own, and no metric was logged twice."""
    results = read_search(folder / "search").results
    client = MlflowClient(uri)
    (own,) = runs_of(uri, "search")
    individuals = {int(each.data.tags["individual"]): each for each in runs_of(uri, "individual")}
    assert sorted(individuals) == list(range(total))
    assert len(runs_of(uri, "individual")) == total
    assert own.info.status == "FINISHED"
    for number, each in individuals.items():
        assert each.info.status == ("FAILED" if number in failed else "FINISHED")
        assert each.data.tags["mlflow.parentRunId"] == own.info.run_id
        for name in each.data.metrics:
            steps = [metric.step for metric in client.get_metric_history(each.info.run_id, name)]
            assert len(steps) == len(set(steps)), (number, name)
        assert len(each.data.params) == 28
        assert each.data.metrics.get("fitness") == (None if number in failed else results[number].fitness)
        files = {"failure.json", "error.txt"} if number in failed else {"result.json", "weights.h5"}
        assert {item.path for item in client.list_artifacts(each.info.run_id)} >= files | {"genotype.yaml"}
    assert {each.path for each in client.list_artifacts(own.info.run_id)} >= {"population.json", "lineage.png"}


def test_a_search_and_its_individuals(params, tmp_path):
    outcome = run(params, tmp_path, diverges=(2,))
    uri = params.tracking.uri
    check_all_is_there(uri, tmp_path, failed=(2,))
    client = MlflowClient(uri)
    (own,) = runs_of(uri, "search")
    assert outcome.runs.run_id == own.info.run_id
    individuals = {int(each.data.tags["individual"]): each for each in runs_of(uri, "individual")}
    results = read_search(Path(params.evolve.root)).results
    child, result = individuals[1], results[1]
    assert child.data.params["b3_kernel"] == str(result.genotype.blocks[2].kernel)
    assert len(child.data.params) == 28
    assert child.data.metrics["fitness"] == result.fitness
    assert child.data.metrics["AP"] == result.ap
    losses = client.get_metric_history(child.info.run_id, "val_loss")
    assert [(each.step, each.value) for each in losses] == [(each.epoch, each.val_loss) for each in result.epochs]
    tags = child.data.tags
    assert (tags["generation"], tags["parent"], tags["mutation"]) == ("1", "0", result.mutation)
    block, gene = re.match(r"block (\d) (\w+) ", result.mutation).groups()
    assert (tags["mutation_block"], tags["mutation_kind"].split()[0]) == (block, gene)
    assert not {"mutation_block", "mutation_kind"} & individuals[0].data.tags.keys()
    assert child.info.run_name == f"01 · g1 · {result.mutation.replace('block ', 'block')}"
    assert individuals[0].info.run_id in tags["mlflow.note.content"]
    assert {each.path for each in client.list_artifacts(child.info.run_id)} == {
        "genotype.yaml",
        "learning_curve.csv",
        "learning_curve.png",
        "result.json",
        "weights.h5",
    }


@pytest.mark.slow
def test_controls_and_finalists_are_told_from_children(params, tmp_path):
    finals = ("evolve.controls=true", "evolve.finalists=1", "evolve.final_epochs=2")
    params = make_params(tmp_path, *SETTINGS, *finals, f"tracking.uri={params.tracking.uri}")
    outcome = run(params, tmp_path)
    archive = read_search(Path(params.evolve.root))
    check_all_is_there(params.tracking.uri, tmp_path, total=5)
    individuals = {int(each.data.tags["individual"]): each for each in runs_of(params.tracking.uri, "individual")}
    roles = [individuals[number].data.tags["role"] for number in range(5)]
    assert roles == ["ancestor", "control", "child", "child", "child"]
    assert individuals[1].info.run_name == "01 · g1 · control of 0"
    control = archive.results[1].fitness
    for number in (2, 3, 4):
        assert individuals[number].data.metrics["gain"] == pytest.approx(control - archive.results[number].fitness)
    assert "gain" not in individuals[1].data.metrics
    finalists = {int(each.data.tags["finalist"]): each for each in runs_of(params.tracking.uri, "finalist")}
    assert finalists.keys() == archive.finals.keys() and len(finalists) == 4
    for number, each in finalists.items():
        assert (each.data.tags["role"], each.data.tags["parent"]) == ("finalist", str(number // 10))
        assert each.data.metrics["fitness"] == archive.finals[number].fitness
        assert each.data.tags["mlflow.parentRunId"] == outcome.runs.run_id
    (own,) = runs_of(params.tracking.uri, "search")
    assert own.data.tags["verdict"] == outcome.verdict == str(archive.verdict)
    assert outcome.verdict in own.data.tags["mlflow.note.content"]
    # A database that is lost is filled again, each once.
    assert tracked.sync(params)["new"] == 0


def test_a_failure_can_be_read_in_mlflow(params, tmp_path):
    run(params, tmp_path, diverges=(2,))
    (failed,) = [each for each in runs_of(params.tracking.uri, "individual") if each.info.status == "FAILED"]
    assert "nan" in failed.data.tags["error"]
    assert (failed.data.tags["state"], failed.data.metrics) == ("failed", {})
    client = MlflowClient(params.tracking.uri)
    assert {each.path for each in client.list_artifacts(failed.info.run_id)} >= {"error.txt", "failure.json"}


def test_the_searchs_run_shows_its_course(params, tmp_path):
    run(params, tmp_path)
    (own,) = runs_of(params.tracking.uri, "search")
    archive = read_search(Path(params.evolve.root))
    best = archive.best(1)[0]
    client = MlflowClient(params.tracking.uri)
    course = client.get_metric_history(own.info.run_id, "best_fitness")
    assert [each.step for each in course] == [0, 1]
    assert course[-1].value == best.fitness
    assert own.data.metrics["individuals_done"] == 4
    assert own.data.params["evolve.children"] == "3"
    assert f"| {best.number} |" in own.data.tags["mlflow.note.content"]
    table = json.loads(Path(client.download_artifacts(own.info.run_id, "population.json")).read_text())
    assert [row[0] for row in table["data"]] == [0, 1, 2, 3]


@pytest.mark.slow
def test_killed_anywhere_within_mlflow_and_between(mlflow_uri, tmp_path):
    """One search, killed in one call after the other; what the last driver leaves is whole."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"}
    # The search's own run is made; an individual's; another one's third file; a batch; an end; the report.
    kills = ("create_run:0", "create_run:1", "log_artifact:7", "log_batch:2", "set_terminated:0", "log_artifacts:0")
    command = [sys.executable, str(DRIVER), str(tmp_path), mlflow_uri, *kills, "none:0"]
    driver = subprocess.run(
        command, env=environment, cwd=tmp_path, check=True, timeout=300, capture_output=True, text=True
    )
    assert json.loads(driver.stdout) == [-signal.SIGKILL] * len(kills) + [0], driver.stderr
    check_all_is_there(mlflow_uri, tmp_path, failed=(2,))
    assert max(Counter(trained(tmp_path / "notes")).values()) <= 2


def test_mlflow_refusing_connections_costs_one_warning_and_sync_fills_it_in(params, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = params.tracking.uri
    silent = make_params(tmp_path, *SETTINGS, f"tracking.uri={NOBODY}")
    with caplog.at_level(logging.WARNING, "evopose2d"):
        outcome = run(silent, tmp_path)
    assert len(outcome.best) == 4
    assert outcome.runs is None
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2, warnings
    assert "recorded later" in warnings[0]
    assert "evopose2d sync" in warnings[1]
    assert "secret" not in caplog.text
    with pytest.raises(TrackingError, match="4 of 4 individuals are not in MLflow"):
        tracked.sync(silent)
    assert tracked.sync(params)["new"] == 4
    check_all_is_there(uri, tmp_path)


def test_an_artifact_store_without_its_client_costs_no_table(params, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "boto3", None)
    connect(params.tracking).create_experiment(params.tracking.experiment, artifact_location="s3://bucket/artifacts")
    outcome = run(params, tmp_path)
    assert len(outcome.best) == 4
    assert "ModuleNotFoundError" in caplog.text
    assert "; once MLflow answers: evopose2d sync" in caplog.text


def test_a_locked_database_costs_a_warning(params, tmp_path, caplog):
    run(params, tmp_path)
    impatient = make_params(tmp_path, *SETTINGS, f"tracking.uri={params.tracking.uri}?timeout=0.1")
    locked = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TrackingError, match=r"^MLflow: .*database is locked; 4 of 4 individuals are not in MLflow$"):
        tracked.sync(impatient)
    assert "locked" not in caplog.text
    with caplog.at_level(logging.WARNING, "evopose2d"):
        outcome = run(impatient, tmp_path)
    locked.close()
    assert (len(outcome.best), outcome.runs) == (4, None)
    first, second = [record.getMessage() for record in caplog.records][-2:]
    assert "database is locked; the search goes on" in first
    assert "; once MLflow answers: evopose2d sync" in second


@pytest.mark.slow
def test_a_server_that_comes_back_gets_what_it_missed(params, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "_PAUSE", 0.0)
    calls = []
    real = recorder_module.SearchRuns.open

    def flaky(*arguments):
        calls.append(1)
        if len(calls) < 4:
            raise ConnectionRefusedError("nobody there")
        return real(*arguments)

    monkeypatch.setattr(recorder_module.SearchRuns, "open", flaky)
    run(params, tmp_path)
    check_all_is_there(params.tracking.uri, tmp_path)


def test_a_server_that_does_not_answer_is_left_alone_for_a_while(params, tmp_path, monkeypatch):
    run(params, tmp_path)
    store = SearchStore(Path(params.evolve.root))
    calls = []
    recorder = SearchRecorder(params.tracking, store.root)
    monkeypatch.setattr(recorder_module.SearchRuns, "open", lambda *_: calls.append(1) or _refuse())
    for number in range(4):
        recorder.finished(store.read_result(number), store.folder(number))
    assert len(calls) == 1
    assert recorder.missing == [("individual", number) for number in range(4)]


def test_a_server_that_hangs_is_waited_for_once_at_the_end(params, tmp_path, monkeypatch, caplog):
    run(params, tmp_path)
    monkeypatch.setattr(recorder_module.SearchRuns, "open", lambda *_: waited.append("open") or _hang())
    waited = []
    with caplog.at_level(logging.WARNING, "evopose2d"):
        assert len(run(params, tmp_path).best) == 4
    assert waited == ["open"]
    assert "; once MLflow answers: evopose2d sync" in caplog.text
    with pytest.raises(TrackingError, match="timed out"):
        tracked.sync(params)
    assert waited == ["open"] * 2


def test_a_server_that_hangs_during_a_search_is_left_alone(params, tmp_path, monkeypatch, caplog):
    waited = []
    monkeypatch.setattr(recorder_module.SearchRuns, "record", lambda *_: waited.append("record") or _hang())
    with caplog.at_level(logging.WARNING, "evopose2d"):
        run(params, tmp_path)
    assert waited == ["record"]
    assert "4 of 4 individuals are not in MLflow" in caplog.text


def test_a_server_that_takes_connections_and_never_answers_delays_nothing_for_long(
    params, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(connection, "PATIENCE", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100000")
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = make_params(tmp_path, *SETTINGS, f"tracking.uri=http://127.0.0.1:{server.getsockname()[1]}")
        with caplog.at_level(logging.WARNING, "evopose2d"):
            assert len(run(silent, tmp_path).best) == 4
        with pytest.raises(TrackingError, match=r"has not answered for 0\.2 s; 4 of 4 individuals are not in MLflow"):
            tracked.sync(silent)
    assert "has not answered for 0.2 s" in caplog.text
    assert "; once MLflow answers: evopose2d sync" in caplog.text
    assert tracked.sync(params)["new"] == 4


def _hang():
    raise TimeoutError("timed out")


def _refuse():
    raise ConnectionRefusedError("nobody there")


@pytest.mark.slow
def test_a_deleted_database_is_rebuilt(params, tmp_path, mlflow_uri):
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "new.db")  # as good as none, and faster
    run(params, tmp_path, diverges=(2,))
    rebuilt = make_params(tmp_path, *SETTINGS, f"tracking.uri={mlflow_uri.replace('mlflow.db', 'new.db')}")
    assert tracked.sync(rebuilt)["new"] == 4
    check_all_is_there(rebuilt.tracking.uri, tmp_path, failed=(2,))
    before = {each.info.run_id for each in runs_of(rebuilt.tracking.uri, "individual")}
    assert tracked.sync(rebuilt)["new"] == 0
    assert {each.info.run_id for each in runs_of(rebuilt.tracking.uri, "individual")} == before
    times = [
        {
            each.data.tags["individual"]: (each.info.start_time, each.info.end_time)
            for each in runs_of(uri, "individual")
        }
        for uri in (mlflow_uri, rebuilt.tracking.uri)
    ]
    assert times[0] == times[1]


@pytest.mark.slow
def test_damaged_files_are_not_uploaded_but_made_again(params, tmp_path, mlflow_uri):
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "new.db")
    run(params, tmp_path)
    root = Path(params.evolve.root)
    for number, name in ((2, "result.json"), (3, "weights.h5")):
        path = root / "individuals" / f"{number:04d}" / name
        path.write_bytes(path.read_bytes()[:50])
    rebuilt = make_params(tmp_path, *SETTINGS, f"tracking.uri={mlflow_uri.replace('mlflow.db', 'new.db')}")
    with pytest.raises(TrackingError, match=r"0002: gone or damaged, and of 1 more; the search's own command trains"):
        tracked.sync(rebuilt)
    assert {each.data.tags["individual"] for each in runs_of(rebuilt.tracking.uri, "individual")} == {"0", "1"}
    for uri in (rebuilt.tracking.uri, mlflow_uri):
        run(make_params(tmp_path, *SETTINGS, f"tracking.uri={uri}"), tmp_path)
        check_all_is_there(uri, tmp_path)


@pytest.mark.slow
def test_an_individual_that_is_trained_again_is_recorded_again(params, tmp_path):
    run(params, tmp_path)
    result = Path(params.evolve.root) / "individuals/0003/result.json"
    result.write_text(result.read_text()[:50])
    run(params, tmp_path)
    check_all_is_there(params.tracking.uri, tmp_path)
    (child,) = [each for each in runs_of(params.tracking.uri, "individual") if each.data.tags["individual"] == "3"]
    assert child.info.end_time == round(result.stat().st_mtime * 1000)


def test_an_individual_whose_second_training_mlflow_missed_is_recorded_again(params, tmp_path):
    run(params, tmp_path)
    store = SearchStore(Path(params.evolve.root))
    before = {each.info.run_id for each in runs_of(params.tracking.uri, "individual")}
    store.write_result(replace(store.read_result(3), host="another"))  # its driver was killed right after
    tracked.sync(params)
    check_all_is_there(params.tracking.uri, tmp_path)
    individuals = runs_of(params.tracking.uri, "individual")
    (again,) = [each for each in individuals if each.info.run_id not in before]
    assert (again.data.tags["individual"], again.data.tags["host"]) == ("3", "another")
    file = MlflowClient(params.tracking.uri).download_artifacts(again.info.run_id, "result.json")
    assert json.loads(Path(file).read_text())["host"] == "another"


def test_runs_of_earlier_versions_are_kept_and_get_the_names_of_today(params, tmp_path, monkeypatch):
    def as_before(result, *others):
        params = {re.sub(r"^b(\d)", r"block\1", name): value for name, value in result.genotype.genes.items()}
        return replace(records_module.run_of_result(result, *others), params=params, digest="")

    with monkeypatch.context() as earlier:
        earlier.setattr(recorder_module, "run_of_result", as_before)
        earlier.setattr(SearchRuns, "add_params", lambda *_: None)
        earlier.setattr(search_runs, "_DIGEST", "unknown")
        run(params, tmp_path)
    before = {each.info.run_id: each for each in runs_of(params.tracking.uri, "individual")}
    assert all("block1_kernel" in each.data.params for each in before.values())
    assert tracked.sync(params)["new"] == 0
    after = {each.info.run_id: each for each in runs_of(params.tracking.uri, "individual")}
    assert after.keys() == before.keys()
    results = read_search(tmp_path / "search").results
    for each in after.values():
        genes = results[int(each.data.tags["individual"])].genotype.genes
        assert {name: int(value) for name, value in each.data.params.items() if name in genes} == genes


@pytest.mark.slow
def test_a_search_that_is_extended_goes_on_in_its_run(params, tmp_path):
    first = run(params, tmp_path)
    settings = [each for each in SETTINGS if "generations" not in each]
    longer = make_params(tmp_path, *settings, "evolve.generations=2", f"tracking.uri={params.tracking.uri}")
    second = run(longer, tmp_path)
    assert second.runs.run_id == first.runs.run_id
    check_all_is_there(params.tracking.uri, tmp_path, total=7)
    (own,) = runs_of(params.tracking.uri, "search")
    assert (own.data.tags["individuals"], own.data.metrics["individuals_done"]) == ("7", 7)


def test_a_search_that_has_ended_is_left_as_it_is(params, tmp_path):
    run(params, tmp_path)
    (before,) = runs_of(params.tracking.uri, "search")
    run(params, tmp_path)
    (after,) = runs_of(params.tracking.uri, "search")
    assert (after.info.status, after.data.metrics) == ("FINISHED", before.data.metrics)
    check_all_is_there(params.tracking.uri, tmp_path)


def test_a_search_that_is_stopped_is_seen_as_such(params, tmp_path, monkeypatch):
    def stopped(params, recorder, **stand_ins):
        recorder.recorded()
        raise Interrupted("stopped")

    run(params, tmp_path)
    monkeypatch.setattr(tracked.search, "run", stopped)
    with pytest.raises(Interrupted):
        tracked.run(params)
    assert runs_of(params.tracking.uri, "search")[0].info.status == "KILLED"


@pytest.mark.slow
@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_champion_is_registered_is_seen_as_such(params, tmp_path, monkeypatch, sent):
    registered, real = [], subprocess.run

    def press(command, **options):
        if registration.__name__ not in command:
            return real(command, **options)
        registered.append(command)
        os.kill(os.getpid(), sent)
        return time.sleep(60)

    settings = [each for each in SETTINGS if "log_model" not in each]
    registering = make_params(tmp_path, *settings, "tracking.log_model=true", f"tracking.uri={params.tracking.uri}")
    with monkeypatch.context() as stopping:
        stopping.setattr(champion_module, "finished_network", lambda *_: FinishedNetwork(params.model, None, 1.0, ""))
        stopping.setattr(subprocess, "run", press)
        stopping.setattr(registration.RegistrationRequest, "to_json", lambda _: "{}")
        for run_or_sync in (partial(run, registering, tmp_path), partial(tracked.sync, registering)):
            with pytest.raises(KeyboardInterrupt):
                run_or_sync()
            assert runs_of(params.tracking.uri, "search")[0].info.status == "KILLED"
    assert len(registered) == 2
    run(params, tmp_path)
    check_all_is_there(params.tracking.uri, tmp_path)


@pytest.mark.slow
def test_a_project_starts_the_search_and_another_goes_on_with_it(params, tmp_path, monkeypatch):
    client = MlflowClient(params.tracking.uri)
    first, second = (client.create_run("0").info.run_id for _ in range(2))
    monkeypatch.setenv("MLFLOW_RUN_ID", first)
    run(params, tmp_path)
    (own,) = runs_of(params.tracking.uri, "search")
    assert own.info.run_id == first
    assert {each.info.experiment_id for each in runs_of(params.tracking.uri, "individual")} == {"0"}
    monkeypatch.setenv("MLFLOW_RUN_ID", second)
    run(params, tmp_path)
    check_all_is_there(params.tracking.uri, tmp_path)
    assert client.get_run(second).data.tags["mlflow.parentRunId"] == first


def test_sync_leaves_a_running_search_to_its_driver(params, tmp_path):
    run(params, tmp_path)
    with driver_lock(SearchStore(Path(params.evolve.root)).lock_path), pytest.raises(SearchError, match="runs this"):
        tracked.sync(params)


def test_sync_without_a_search(params):
    with pytest.raises(SearchError, match="no search has been started here"):
        tracked.sync(params)


def test_an_individual_that_mlflow_refuses_holds_no_other_up(params, tmp_path, monkeypatch, caplog):
    real = recorder_module.SearchRuns.record

    def picky(runs, individual):
        if individual.number == 1:
            raise OSError("no room for it")
        real(runs, individual)

    monkeypatch.setattr(recorder_module.SearchRuns, "record", picky)
    outcome = run(params, tmp_path)
    assert outcome.runs.recorded() == {0, 2, 3}
    assert "1 of 4 individuals are not in MLflow" in caplog.text


def test_tracking_delays_nothing(params, tmp_path, monkeypatch):
    """The last individual is trained while MLflow still ponders over the first."""
    begun = time.monotonic()
    seen = []
    real = recorder_module.SearchRuns.open

    def slow(*arguments):
        while len(trained(tmp_path / "notes")) < 4 and time.monotonic() < begun + 60:
            time.sleep(0.01)
        seen.append(len(trained(tmp_path / "notes")))
        return real(*arguments)

    monkeypatch.setattr(recorder_module.SearchRuns, "open", slow)
    run(params, tmp_path)
    assert seen[0] == 4

"""Searches on real clusters of the loopback: what they lack, who may join, and how they end."""

import json
import os
import signal
import subprocess
import sys

import pytest
from broken_searches import DRIVER, MARK, check_nothing_lost
from mlflow import MlflowClient
from process_marks import kill_marked, marked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
_TOKEN = "0123456789abcdef" * 2
_STARTS = 5  # Ray gives a machine that is busy half a minute
_RAY = ("gcs_server", "raylet")


@pytest.fixture
def start_cluster(tmp_path, monkeypatch):
    """Start a cluster on the loopback; gives its address."""
    # Ray takes from the environment, when it is imported, that all of it stays on the loopback address.
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    started = []

    def begin(*shadows, **environment) -> str:
        for _ in range(_STARTS):
            process = subprocess.Popen(
                [sys.executable, DRIVER.parent / "small_cluster.py", *shadows],
                env={**os.environ, MARK: f"{tmp_path} cluster", **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            started.append(process)
            if address := process.stdout.readline().strip():
                return f"evolve.ray_address='{address}'"
        raise AssertionError("the cluster does not start")

    yield begin
    kill_marked(MARK, f"{tmp_path} cluster")
    for process in started:
        process.communicate()


def test_a_machine_that_cannot_run_the_project_costs_no_individual_an_attempt(start_cluster, start, unbroken, tmp_path):
    """The cluster is open to anyone, too, which is warned of."""
    (tmp_path / "shadow/evopose2d").mkdir(parents=True)
    (tmp_path / "shadow/evopose2d/__init__.py").write_text("raise ImportError('not installed here')")
    code, errors = start(engine="ray", overrides=[start_cluster(tmp_path / "shadow", RAY_AUTH_MODE="disabled")]).wait()
    assert code == 0, errors
    assert "is left out: cannot import the project (ImportError: not installed here)" in errors
    assert "runs without authentication" in errors
    assert "attempt" not in errors
    check_nothing_lost(tmp_path / "broken", unbroken())


@pytest.mark.parametrize(
    ("parts", "sent", "named"),
    [
        (["raylet"], signal.SIGKILL, "raylet on this machine"),
        (["gcs_server"], signal.SIGKILL, "GCS of the cluster"),
        (_RAY, signal.SIGTERM, ""),  # as ``ray stop`` does on the head
    ],
)
def test_the_end_of_a_clusters_ray_is_told(parts, sent, named, start_cluster, start, mlflow_uri, tmp_path):
    overrides = [start_cluster()]
    running = start(engine="ray", seconds=2.0, mlflow=mlflow_uri, overrides=overrides)
    running.wait_until_training(1)
    for each in marked(MARK, f"{tmp_path} cluster"):
        if each.name() in parts:
            each.send_signal(sent)
    code, errors = running.wait()
    assert code == 1
    last = errors.splitlines()[-1]
    assert f"Ray's {named}" in last, errors
    assert last.endswith("has ended; the same command goes on from here")
    assert "Traceback" not in errors
    status = json.loads((tmp_path / "broken/search/status.json").read_text())
    assert status["state"] == "failed" and last.endswith(status["reason"])
    client = MlflowClient(mlflow_uri)
    (experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    assert {each.data.tags["kind"]: each.info.status for each in runs} == {"search": "FAILED", "individual": "FINISHED"}


def test_a_cluster_with_a_token_takes_whoever_has_it(start_cluster, start, unbroken, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray would find a token of this user
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    overrides = [start_cluster(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=_TOKEN)]
    without, another = {"RAY_AUTH_MODE": "token"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN[::-1]}
    for environment in ({}, without, another):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            code, errors = start(engine="ray", overrides=overrides).wait()
        said = [line for line in errors.splitlines() if line != "starting workers"]
        assert (code, len(said)) == (1, 1), errors
        assert "takes another token, or this machine has none; put the head's into ~/.ray/auth_token" in said[0]
        assert _TOKEN not in errors
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text(_TOKEN)
    code, errors = start(engine="ray", overrides=overrides).wait()
    assert code == 0, errors
    assert "without authentication" not in errors
    check_nothing_lost(tmp_path / "broken", unbroken())

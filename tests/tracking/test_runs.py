"""Tracking: what MLflow is told, and what its absence costs."""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking import flatten, tracked_run
from evopose2d.tracking.connection import connect


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingConfig:
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    return TrackingConfig(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="tests", log_model=False)


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_run_holds_what_was_logged(config: TrackingConfig, tmp_path: Path):
    note = tmp_path / "note.txt"
    note.write_text("hello")
    with tracked_run(config, "train", tags={"stage": "train"}) as run:
        run.log_params({"train": {"epochs": 3}})
        run.log_metrics({"loss": 2.0}, step=1)
        run.log_metrics({"loss": 1.0}, step=2)
        run.log_files([note], "notes")
        run.log_dataset("synthetic", "abc", "records", {"path": "data"})
    client = mlflow.MlflowClient(config.uri)
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"train.epochs": "3"}
    assert stored.data.tags["stage"] == "train"
    assert [metric.value for metric in client.get_metric_history(run.run_id, "loss")] == [2.0, 1.0]
    assert client.list_artifacts(run.run_id, "notes")[0].path == "notes/note.txt"
    assert stored.inputs.dataset_inputs[0].dataset.digest == "abc"


@pytest.mark.slow
def test_interrupted_stage_goes_on_in_its_run(config: TrackingConfig, tmp_path: Path):
    memory = tmp_path / "run_id"
    with pytest.raises(KeyboardInterrupt), tracked_run(config, "train", tags={}, resume_file=memory) as first:
        raise KeyboardInterrupt
    assert mlflow.MlflowClient(config.uri).get_run(first.run_id).info.status == "KILLED"
    with tracked_run(config, "train", tags={}, resume_file=memory) as second:
        assert second.run_id == first.run_id
    assert mlflow.MlflowClient(config.uri).get_run(first.run_id).info.status == "FINISHED"


def test_failed_stage_is_seen_as_failed(config: TrackingConfig):
    with pytest.raises(RuntimeError), tracked_run(config, "train", tags={}) as run:
        raise RuntimeError
    assert mlflow.MlflowClient(config.uri).get_run(run.run_id).info.status == "FAILED"


@pytest.mark.slow
@pytest.mark.usefixtures("raising_interrupts")
def test_ctrl_c_at_any_moment_leaves_whole_records(config: TrackingConfig, monkeypatch):
    rng = np.random.default_rng(0)
    presses, log = 20, mlflow.log_metrics

    def pressed_while_logging(*arguments: Any, **settings: Any) -> None:
        threading.Timer(rng.uniform(0, 0.03), os.kill, (os.getpid(), signal.SIGINT)).start()
        log(*arguments, **settings)

    monkeypatch.setattr(mlflow, "log_metrics", pressed_while_logging)
    with tracked_run(config, "train", tags={}) as run:
        for step in range(presses):
            with pytest.raises(KeyboardInterrupt):
                run.log_metrics({f"metric {number}": 2.0 for number in range(8)}, step=step)
                time.sleep(10)
    client = mlflow.MlflowClient(config.uri)
    histories = [client.get_metric_history(run.run_id, f"metric {number}") for number in range(8)]
    assert [[metric.step for metric in history] for history in histories] == [list(range(presses))] * 8


@pytest.mark.slow
@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("opened", [False, True])
def test_ctrl_c_while_the_run_is_opened_leaves_no_run_that_looks_finished(
    config: TrackingConfig, monkeypatch, opened: bool
):
    start, runs = mlflow.start_run, []

    def pressed_while_starting(*arguments: Any, **settings: Any) -> mlflow.ActiveRun:
        if not opened:
            os.kill(os.getpid(), signal.SIGINT)
        runs.append(start(*arguments, **settings))
        if opened:
            os.kill(os.getpid(), signal.SIGINT)
        return runs[0]

    monkeypatch.setattr(mlflow, "start_run", pressed_while_starting)
    with pytest.raises(KeyboardInterrupt), tracked_run(config, "train", tags={}):
        pytest.fail("the stage must not begin")
    assert mlflow.active_run() is None
    assert mlflow.MlflowClient(config.uri).get_run(runs[0].info.run_id).info.status == "KILLED"


@pytest.mark.slow
def test_server_that_goes_away_before_the_end_costs_a_warning(config: TrackingConfig, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise MlflowException("the server is away")

    with caplog.at_level(logging.WARNING, "evopose2d"), tracked_run(config, "train", tags={}) as run:
        run.log_metrics({"loss": 2.0})
        monkeypatch.setattr(mlflow.tracking.fluent.MlflowClient, "set_terminated", refuse)
    assert "the server is away" in caplog.text


def test_server_that_does_not_answer_costs_a_warning(config: TrackingConfig, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    absent = TrackingConfig(uri="http://user:secret@127.0.0.1:9", experiment="tests", log_model=False)
    with caplog.at_level(logging.WARNING, "evopose2d"), tracked_run(absent, "train", tags={}) as run:
        run.log_metrics({"loss": 1.0})
    assert run.run_id is None
    assert "not tracked" in caplog.text
    assert "secret" not in caplog.text


@pytest.fixture
def without_boto3(config: TrackingConfig, monkeypatch: pytest.MonkeyPatch) -> TrackingConfig:
    """An experiment whose artifacts lie in S3, on a machine without S3's client."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    client = connect(config)
    client.create_experiment(config.experiment, artifact_location="s3://bucket/artifacts")
    return config


def test_an_artifact_store_without_its_client_costs_warnings(without_boto3: TrackingConfig, tmp_path: Path, caplog):
    files = [tmp_path / "curves.png", tmp_path / "history.csv"]
    for file in files:
        file.write_text("content")
    network = keras.Sequential([keras.Input((4,), name="images"), keras.layers.Dense(1)])
    with caplog.at_level(logging.WARNING, "evopose2d"), tracked_run(without_boto3, "train", tags={}) as run:
        run.log_files(files)
        run.log_model(network)
        run.log_metrics({"loss": 2.0})
    stored = mlflow.MlflowClient(without_boto3.uri).get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.metrics["loss"] == 2.0
    refused = [message for message in caplog.messages if "boto3" in message]
    assert len(refused) == 2  # the files together, and the model
    assert all("\n" not in message for message in refused)


@pytest.mark.slow
def test_a_server_that_hangs_is_waited_for_once(config: TrackingConfig, monkeypatch, caplog):
    asked = []

    def hang(*_: object, **__: object) -> None:
        asked.append(1)
        raise TimeoutError

    with caplog.at_level(logging.WARNING, "evopose2d"), tracked_run(config, "train", tags={}) as run:
        monkeypatch.setattr(mlflow, "log_metrics", hang)
        for step in range(3):
            run.log_metrics({"loss": 2.0}, step=step)
    assert len(asked) == 1
    assert caplog.text.count("did not take a record") == 1

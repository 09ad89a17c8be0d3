"""Tracking: what MLflow is told, and what its absence costs."""

import logging
from pathlib import Path

import mlflow
import pytest

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking import flatten, tracked_run


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


def test_interrupted_stage_goes_on_in_its_run(config: TrackingConfig, tmp_path: Path):
    memory = tmp_path / "run_id"
    with pytest.raises(KeyboardInterrupt), tracked_run(config, "train", tags={}, resume_file=memory) as first:
        raise KeyboardInterrupt
    with tracked_run(config, "train", tags={}, resume_file=memory) as second:
        assert second.run_id == first.run_id
    assert mlflow.MlflowClient(config.uri).get_run(first.run_id).info.status == "FINISHED"


def test_failed_stage_is_seen_as_failed(config: TrackingConfig):
    with pytest.raises(RuntimeError), tracked_run(config, "train", tags={}) as run:
        raise RuntimeError
    assert mlflow.MlflowClient(config.uri).get_run(run.run_id).info.status == "FAILED"


def test_server_that_does_not_answer_costs_a_warning(config: TrackingConfig, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    absent = TrackingConfig(uri="http://user:secret@127.0.0.1:9", experiment="tests", log_model=False)
    with caplog.at_level(logging.WARNING), tracked_run(absent, "train", tags={}) as run:
        run.log_metrics({"loss": 1.0})
    assert run.run_id is None
    assert "not tracked" in caplog.text
    assert "secret" not in caplog.text

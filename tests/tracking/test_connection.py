import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from evopose2d.config.schema import TrackingConfig
from evopose2d.errors import WeightsError
from evopose2d.tracking.connection import (
    EXPERIMENT_TAGS,
    NoAnswerError,
    TrackingError,
    answering,
    connect,
    create_database,
    experiment_id,
    one_line,
    server_command,
    web_address,
)


@pytest.mark.slow
def test_a_database_killed_while_it_is_made_is_made_again(tmp_path):
    code = "import sys; from evopose2d.tracking.connection import create_database; create_database(sys.argv[1])"
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    maker = subprocess.Popen([sys.executable, "-c", code, uri], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(path.stat().st_size for path in tmp_path.glob(".mlflow*/mlflow.db")):
        assert maker.poll() is None
        time.sleep(0.01)
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait()
    assert not (tmp_path / "mlflow.db").exists()
    create_database(uri)
    assert [each.name for each in MlflowClient(uri).search_experiments()] == ["Default"]


def test_a_database_that_is_there_stays(mlflow_uri: str, tmp_path: Path):
    before = (tmp_path / "mlflow.db").read_bytes()
    create_database(mlflow_uri)
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://host/name", "sqlite://"])
def test_other_addresses_make_no_files(uri: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create_database(uri)
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_is_made_once_and_opens_on_its_runs(mlflow_uri: str):
    client = MlflowClient(mlflow_uri)
    first = experiment_id(client, "tests")
    client.set_experiment_tag(first, "mlflow.experimentKind", "something else")
    assert experiment_id(client, "tests") == first
    assert client.get_experiment(first).tags.items() >= EXPERIMENT_TAGS.items()


@pytest.mark.parametrize(
    ("uri", "page", "command"),
    [
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000", "mlflow ui"),
        ("sqlite:///other.db", "http://127.0.0.1:5000", "mlflow ui --backend-store-uri sqlite:///other.db"),
        ("sqlite:////a b/m.db", "http://127.0.0.1:5000", "mlflow ui --backend-store-uri 'sqlite:////a b/m.db'"),
        ("https://me:secret@tracking.example/", "https://tracking.example", None),
    ],
)
def test_where_a_browser_looks(uri: str, page: str, command: str | None):
    assert web_address(uri) == page
    assert server_command(uri) == command


def test_what_mlflow_says_fits_a_line_and_keeps_the_password():
    error = MlflowException("cannot reach\n  http://me:secret@host:5000/api " + "x" * 1000)
    assert "secret" not in one_line(error)
    assert "***@host" in one_line(error)
    assert len(one_line(error)) <= 300
    with pytest.raises(TrackingError, match="MLflow: cannot reach http"), answering():
        raise error


def test_a_database_that_is_locked_is_told_in_one_line(mlflow_uri: str, tmp_path: Path, capfd):
    locked = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NoAnswerError, match=r"^MLflow: \(sqlite3.OperationalError\) database is locked$"), answering():
        connect(TrackingConfig(uri=f"{mlflow_uri}?timeout=0.1", experiment="tests", log_model=False))
    locked.close()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("statement", [None, "SELECT experiments.name FROM experiments"])
def test_what_sqlalchemy_appends_is_left_out(statement: str | None):
    error = OperationalError(statement, None, sqlite3.OperationalError("database is locked"))
    assert "Background on this error" in str(error)
    assert one_line(error) == "(sqlite3.OperationalError) database is locked"


@pytest.mark.slow
@pytest.mark.parametrize("retries", ["0", "1"])
def test_a_server_that_hangs_is_told_from_one_that_refuses(retries: str, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        client = MlflowClient(f"http://127.0.0.1:{hanging.getsockname()[1]}")
        with pytest.raises(NoAnswerError, match=r"^MLflow: API request to http"), answering():
            client.search_experiments()
    with pytest.raises(TrackingError) as refused, answering():
        client.search_experiments()
    assert not isinstance(refused.value, NoAnswerError)


class _ClientError(Exception):
    """As errors of boto3: of no kind that MLflow or Python's own would be."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'boto3'"), r"^MLflow: ModuleNotFoundError: No module named 'boto3'$"),
        (
            _ClientError("An error occurred\n (NoSuchBucket)"),
            r"^MLflow: _ClientError: An error occurred \(NoSuchBucket",
        ),
        (RuntimeError(), "^MLflow: RuntimeError$"),
    ],
)
def test_any_error_of_a_store_is_one_line(error: Exception, told: str):
    with pytest.raises(TrackingError, match=told) as raised, answering():
        raise error
    assert not isinstance(raised.value, NoAnswerError)


def test_a_store_that_was_waited_for_is_told_from_one_that_refuses():
    with pytest.raises(NoAnswerError), answering():
        try:
            raise TimeoutError
        except TimeoutError:
            raise _ClientError("Connect timeout on endpoint URL") from None


def test_errors_of_the_project_pass_as_they_are():
    with pytest.raises(WeightsError, match=r"^damaged$"), answering():
        raise WeightsError("damaged")


@pytest.mark.usefixtures("raising_interrupts")
def test_ctrl_c_waits_until_mlflow_has_answered():
    answers = []
    with pytest.raises(KeyboardInterrupt), answering():
        os.kill(os.getpid(), signal.SIGINT)
        answers.append("all")
    assert answers == ["all"]

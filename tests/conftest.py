"""Fixtures that several test folders share."""

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Machines that run tests are busy: how long an example takes says nothing of the code.
settings.register_profile("evopose2d", deadline=None)
settings.load_profile("evopose2d")

_ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def log_levels():
    """Commands that run within a test set levels of the process; the next test is to hear everything again."""
    loggers = [logging.getLogger(name) for name in ("evopose2d", "evopose2d.evolution")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def project_root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers that the original implementation produced."""
    return Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def coco_sample() -> Path:
    """A few real COCO images, which the repository does not hold."""
    folder = Path(os.environ.get("EVOPOSE2D_COCO_SAMPLE", _ROOT.parent / "shared" / "coco_sample"))
    if not folder.is_dir():
        pytest.skip(f"no COCO sample at {folder}; name one with EVOPOSE2D_COCO_SAMPLE")
    return folder


@pytest.fixture(scope="session")
def _mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with nothing in it: making one takes seconds."""
    from evopose2d.tracking.connection import create_database

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    create_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def mlflow_uri(_mlflow_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty MLflow database in the test's folder, which becomes the working directory."""
    from mlflow.tracking import fluent

    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fluent, "_active_experiment_id", None)  # of another test's database
    monkeypatch.chdir(tmp_path)
    shutil.copy(_mlflow_template, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def raising_interrupts() -> Iterator[None]:
    """Ctrl-C raises, as Python sets it up; a shell that runs tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

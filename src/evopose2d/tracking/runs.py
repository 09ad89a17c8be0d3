"""The MLflow run of a stage."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException

from evopose2d.config.schema import TrackingConfig
from evopose2d.files import write_text
from evopose2d.tracking.connection import NoAnswerError, TrackingError, answering, connect, experiment_id
from evopose2d.tracking.models import log_keras_model

logger = logging.getLogger(__name__)

_PAUSE = 60.0  # seconds for which MLflow is left alone after it was waited for in vain


class TrackedRun:
    """One MLflow run, or nothing where MLflow could not start one.

    What MLflow does not take costs a warning. Where it does not answer, it is left alone for a minute: waiting for it
    again and again would delay what is tracked.
    """

    def __init__(self, run_id: str | None) -> None:
        self.run_id = run_id
        self._silent_until = 0.0

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log settings, flattened to ``section.key``."""
        self._attempt(lambda: mlflow.log_params({key: str(value) for key, value in flatten(params).items()}))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Tag the run."""
        self._attempt(lambda: mlflow.set_tags(dict(tags)))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers, of one epoch where ``step`` is given."""
        self._attempt(lambda: mlflow.log_metrics(dict(metrics), step=step))

    def log_files(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Log files as artifacts, below ``folder`` of the run."""

        def log() -> None:
            for path in paths:
                mlflow.log_artifact(str(path), folder)

        self._attempt(log)

    def log_dataset(self, name: str, digest: str, context: str, tags: Mapping[str, str]) -> None:
        """Log which data the run used: its name, its digest, and how it came to be."""

        def log() -> None:
            dataset = MetaDataset(source=CodeDatasetSource(tags=dict(tags)), name=name, digest=digest[:36])
            mlflow.log_input(dataset, context=context)

        self._attempt(log)

    def log_model(self, model: Any, name: str = "network") -> None:  # noqa: ANN401 - a Keras model
        """Log a Keras model of one input and one output with its signature, the batch size left open."""
        self._attempt(lambda: log_keras_model(model, name))

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self.run_id is None or time.monotonic() < self._silent_until:
            return
        try:
            with answering():
                action()
        except TrackingError as error:
            logger.warning("MLflow did not take a record; %s", error)
            if isinstance(error, NoAnswerError):
                self._silent_until = time.monotonic() + _PAUSE


@contextlib.contextmanager
def tracked_run(
    config: TrackingConfig,
    name: str,
    *,
    tags: Mapping[str, str],
    resume_file: Path | None = None,
) -> Iterator[TrackedRun]:
    """Open a run in the configured experiment, or join the one that MLflow Projects started.

    Args:
        config: where to log.
        name: name of the run.
        tags: tags of the run.
        resume_file: remembers the run's id, so that a stage that was killed goes on in the same run.

    Yields:
        The run. It ends as killed if the block is interrupted, as failed if it raises anything else.
    """
    status = "FINISHED"
    try:
        # In here, because Ctrl-C while the run is opened comes once it is, and MLflow itself would end it as finished.
        active = _start(config, name, tags, resume_file)
        if active is not None and resume_file is not None:
            write_text(resume_file, active.info.run_id)
        yield TrackedRun(None if active is None else active.info.run_id)
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        with _warned("MLflow does not know that the run has ended"):
            mlflow.end_run(status)


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested sections into ``section.key`` names."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _start(
    config: TrackingConfig, name: str, tags: Mapping[str, str], resume_file: Path | None
) -> mlflow.ActiveRun | None:
    if config.uri is not None:
        mlflow.set_tracking_uri(config.uri)
    resumed = resume_file.read_text().strip() if resume_file is not None and resume_file.exists() else None
    joined = os.environ.get("MLFLOW_RUN_ID")
    with _warned("MLflow does not answer, this run is not tracked"):
        client = connect(config)
        if not joined:
            mlflow.set_experiment(experiment_id=experiment_id(client, config.experiment))
        with contextlib.suppress(MlflowException):
            if resumed and not joined:
                return mlflow.start_run(run_id=resumed, log_system_metrics=True, tags=dict(tags))
        return mlflow.start_run(run_name=name, log_system_metrics=True, tags=dict(tags))
    return None


@contextlib.contextmanager
def _warned(what: str) -> Iterator[None]:
    try:
        with answering():
            yield
    except TrackingError as error:
        logger.warning("%s; %s", what, error)

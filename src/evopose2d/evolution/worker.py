"""What runs in a worker process around the training of an individual."""

import os
from collections.abc import Mapping

from evopose2d.config.schema import Params
from evopose2d.evolution.engine import Trainer
from evopose2d.evolution.spec import IndividualResult, IndividualSpec

# MLflow would take an individual's training for the run that the project was started in.
_NOT_INHERITED = ("MLFLOW_RUN_ID",)
_INHERITED = ("KERAS_BACKEND",)


def worker_environment(cpus: float) -> dict[str, str]:
    """Give the environment variables that a worker sets before it imports a numeric library.

    Args:
        cpus: processors for each individual. Left alone, TensorFlow would use all there are, in every worker.
    """
    threads = str(max(1, round(cpus)))
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }


def work(
    trainer: Trainer,
    spec: IndividualSpec,
    params: Params,
    parent_weights: bytes | None,
    environment: Mapping[str, str],
) -> tuple[IndividualResult, bytes]:
    """Train an individual in this process, whose environment is set first; arguments as those of a trainer."""
    os.environ.update(environment)
    for name in _NOT_INHERITED:
        os.environ.pop(name, None)
    return trainer(spec, params, parent_weights)


def work_alone(
    trainer: Trainer,
    spec: IndividualSpec,
    params: Params,
    parent_weights: bytes | None,
    environment: Mapping[str, str],
) -> tuple[IndividualResult, bytes]:
    """As ``work``, under another name: Ray keeps how often a worker is reused by the function's."""
    return work(trainer, spec, params, parent_weights, environment)

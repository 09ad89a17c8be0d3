"""Keras models in MLflow."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking.connection import connect

CHAMPION_ALIAS = "champion"


def log_keras_model(model: Any, name: str, tags: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - Keras, MLflow
    """Log a Keras model of one output with its signature, the batch size left open, in the active run.

    Args:
        model: from images, or images and poses, to heatmaps.
        name: name of the model within the run.
        tags: tags of the model.

    Returns:
        MLflow's description of the model.
    """
    import keras
    import mlflow.keras
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    def spec(tensor: Any, label: str) -> TensorSpec:  # noqa: ANN401 - a symbolic tensor
        return TensorSpec(np.dtype(tensor.dtype), (-1, *tensor.shape[1:]), label)

    signature = ModelSignature(
        inputs=Schema([spec(tensor, tensor.name) for tensor in model.inputs]),
        outputs=Schema([spec(model.outputs[0], "heatmaps")]),
    )
    # Named here, because MLflow would otherwise load the model once more in a process of its own to find them.
    requirements = [f"keras=={keras.__version__}", keras.backend.backend(), "evopose2d"]
    return mlflow.keras.log_model(
        model, name=name, signature=signature, pip_requirements=requirements, tags=dict(tags or {})
    )


@dataclass(frozen=True)
class Champion:
    """The best network of a search, for MLflow's registry.

    Attributes:
        name: of the registered model.
        experiment: id of the experiment.
        run_id: the search's own run.
        search: the search's id.
        individual: number of the best individual.
        tags: of the version.
        description: of the version, in Markdown.
        about: description of the registered model, of all its versions.
    """

    name: str
    experiment: str
    run_id: str
    search: str
    individual: int
    tags: Mapping[str, str]
    description: str
    about: str = "The best network of each search by `evopose2d evolve`; images (B, H, W, 3) to heatmaps."

    @property
    def all_tags(self) -> dict[str, str]:
        """The version's tags with those that it is found by."""
        return {**self.tags, "search": self.search, "individual": str(self.individual)}

    @property
    def logged_tags(self) -> dict[str, str]:
        """The tags of the logged model behind the version."""
        return {**self.all_tags, "registered_as": self.name}


def registered_version(client: MlflowClient, champion: Champion) -> str | None:
    """Return the version under which a champion is registered; None where it is not.

    The alias ``champion`` is set where a registration was broken off before it.
    """
    versions = client.search_model_versions(f"name = '{champion.name}'", max_results=10_000)
    marks = {"search": champion.search, "individual": str(champion.individual)}
    found = [each for each in versions if marks.items() <= each.tags.items()]
    if not found:
        return None
    version = min(int(each.version) for each in found)
    if version == max(int(each.version) for each in versions):
        client.set_registered_model_alias(champion.name, CHAMPION_ALIAS, str(version))
    return str(version)


def register(config: TrackingConfig, champion: Champion, log: Callable[[dict[str, str]], str]) -> str:
    """Log a champion as a model of its search's run and register it, unless that has been done.

    Args:
        config: where to log.
        champion: what is known of it.
        log: logs the model in the active run, with the tags that it is given; returns its id.

    Returns:
        The version.

    Raises:
        Exception: of any kind, from MLflow or its stores; see ``connection.answering``.
    """
    client = connect(config)
    if (version := registered_version(client, champion)) is not None:
        return version
    # MLflow looks a logged model up where its own address says, whatever the client's is.
    mlflow.set_tracking_uri(client.tracking_uri)
    model = _logged(client, champion)
    if model is None:
        with mlflow.start_run(run_id=champion.run_id, log_system_metrics=False):
            model_id = log(champion.logged_tags)
        model = client.get_logged_model(model_id)
    with contextlib.suppress(MlflowException):  # it exists already; else the next call says what is wrong
        client.create_registered_model(champion.name, description=champion.about)
    created = client.create_model_version(
        champion.name,
        model.model_uri,
        run_id=champion.run_id,
        tags=champion.all_tags,
        description=champion.description,
        model_id=model.model_id,
    )
    client.set_registered_model_alias(champion.name, CHAMPION_ALIAS, created.version)
    return str(created.version)


def _logged(client: MlflowClient, champion: Champion) -> Any | None:  # noqa: ANN401 - MLflow's
    """Return the model that was logged whole before its registration was broken off; remove those that were not."""
    whole = None
    for model in client.search_logged_models([champion.experiment], f"source_run_id = '{champion.run_id}'"):
        if champion.logged_tags.items() <= model.tags.items():
            if model.status == LoggedModelStatus.READY and whole is None:
                whole = model
            else:
                client.delete_logged_model(model.model_id)
    return whole

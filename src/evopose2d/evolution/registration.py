"""The best network of a search as registered MLflow models: ``python -m evopose2d.evolution.registration``.

A process of its own, because the search's driver keeps clear of TensorFlow. Reads a request from standard input.
"""

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evopose2d.config.schema import ModelConfig, TrackingConfig
from evopose2d.errors import EvoPoseError
from evopose2d.keypoints import KeypointSchema
from evopose2d.tracking.connection import answering
from evopose2d.tracking.models import Champion, log_keras_model, register

if TYPE_CHECKING:
    from evopose2d.stages.pose_model import PoseModel


@dataclass(frozen=True)
class RegistrationRequest:
    """What the process is asked for.

    Attributes:
        tracking: where to log.
        champion: what is known of it.
        model: what its network is built from.
        keypoints: what its heatmaps stand for.
        sigma: of the Gaussians it was trained on, in pixels of a heatmap 64 high.
        weights: its weight file.
    """

    tracking: TrackingConfig
    champion: Champion
    model: ModelConfig
    keypoints: KeypointSchema
    sigma: float
    weights: str

    def to_json(self) -> str:
        """Give the request as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RegistrationRequest":
        """Read what ``to_json`` gave."""
        values = json.loads(text)
        return cls(
            tracking=TrackingConfig(**values["tracking"]),
            champion=Champion(**values["champion"]),
            model=ModelConfig(**values["model"]),
            keypoints=KeypointSchema.from_json(values["keypoints"]),
            sigma=values["sigma"],
            weights=values["weights"],
        )


def service_of(champion: Champion) -> Champion:
    """Give the same champion as the model that a server runs: images and boxes to keypoints."""
    return replace(
        champion,
        name=f"{champion.name}-service",
        about="The best network of each search, for `mlflow models serve`: images and boxes to keypoints.",
    )


def run(request: RegistrationRequest) -> str:
    """Build the network, log and register it as a Keras model and as a service, unless that has been done.

    Returns:
        The version of the registered Keras model.

    Raises:
        WeightsError: the weights cannot be read.
        TrackingError: MLflow does not answer.
    """
    from evopose2d.prediction.serving import log_pose_service
    from evopose2d.stages.pose_model import save_pose_model

    def log_keras(tags: dict[str, str]) -> str:
        model_id: str = log_keras_model(_build(request).network, "champion", tags).model_id
        return model_id

    def log_service(tags: dict[str, str]) -> str:
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
            save_pose_model(Path(folder), _build(request))
            return log_pose_service(Path(folder), name="champion-service", tags=tags).removeprefix("models:/")

    with answering():
        version = register(request.tracking, request.champion, log_keras)
        register(request.tracking, service_of(request.champion), log_service)
        return version


def _build(request: RegistrationRequest) -> "PoseModel":
    from evopose2d.networks.build import build_network
    from evopose2d.stages.pose_model import PoseModel
    from evopose2d.weights import load_weights

    network = build_network(request.model, request.keypoints.count)
    load_weights(network, Path(request.weights))
    return PoseModel(network, request.model, request.keypoints, request.sigma)


def main() -> None:
    """Do as standard input asks; print the version, or one line of what is wrong."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        sys.stdout.write(f"{run(RegistrationRequest.from_json(sys.stdin.read()))}\n")
    except EvoPoseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()

"""The best network of a search as registered MLflow models: ``python -m evopose2d.evolution.tracking.registration``.

A process of its own, because the search's driver keeps clear of TensorFlow. Reads a request from standard input.
"""

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from evopose2d.config.schema import TrackingConfig
from evopose2d.errors import EvoPoseError
from evopose2d.evolution.results.finished_network import FinishedNetwork
from evopose2d.tracking.connection import answering
from evopose2d.tracking.models import Champion, log_keras_model, register


@dataclass(frozen=True)
class RegistrationRequest:
    """What the process is asked for.

    Attributes:
        tracking: where to log.
        champion: what is known of it.
        network: its network.
    """

    tracking: TrackingConfig
    champion: Champion
    network: FinishedNetwork

    def to_json(self) -> str:
        """Return the request as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RegistrationRequest":
        """Read what ``to_json`` gave."""
        values = json.loads(text)
        return cls(
            tracking=TrackingConfig(**values["tracking"]),
            champion=Champion(**values["champion"]),
            network=FinishedNetwork.from_json(values["network"]),
        )


def service_of(champion: Champion) -> Champion:
    """Return the same champion as the model that a server runs: images and boxes to keypoints."""
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

    build = cache(request.network.build)  # where both are there already, not at all

    def log_keras(tags: dict[str, str]) -> str:
        model_id: str = log_keras_model(build().network, "champion", tags).model_id
        return model_id

    def log_service(tags: dict[str, str]) -> str:
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
            save_pose_model(Path(folder), build())
            return log_pose_service(Path(folder), name="champion-service", tags=tags).removeprefix("models:/")

    with answering():
        version = register(request.tracking, request.champion, log_keras)
        register(request.tracking, service_of(request.champion), log_service)
        return version


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

"""The best network of a search as a registered MLflow model: ``python -m evopose2d.stages.champion``.

A process of its own, because the search's driver keeps clear of TensorFlow. Reads a request from standard input.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evopose2d.config.schema import ModelConfig, TrackingConfig
from evopose2d.errors import EvoPoseError
from evopose2d.tracking.connection import answering
from evopose2d.tracking.models import Champion, register


@dataclass(frozen=True)
class ChampionRequest:
    """What the process is asked for.

    Attributes:
        tracking: where to log.
        champion: what is known of it.
        model: what its network is built from.
        keypoints: K, channels of the heatmaps.
        weights: its weight file.
    """

    tracking: TrackingConfig
    champion: Champion
    model: ModelConfig
    keypoints: int
    weights: str

    def to_json(self) -> str:
        """Give the request as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ChampionRequest":
        """Read what ``to_json`` gave."""
        values = json.loads(text)
        return cls(
            tracking=TrackingConfig(**values["tracking"]),
            champion=Champion(**values["champion"]),
            model=ModelConfig(**values["model"]),
            keypoints=values["keypoints"],
            weights=values["weights"],
        )


def run(request: ChampionRequest) -> str:
    """Build the network, log and register it, unless that has been done.

    Returns:
        The version of the registered model.

    Raises:
        WeightsError: the weights cannot be read.
        TrackingError: MLflow does not answer.
    """

    def build() -> Any:  # noqa: ANN401 - a Keras model
        from evopose2d.networks.build import build_network
        from evopose2d.weights import load_weights

        network = build_network(request.model, request.keypoints)
        load_weights(network, Path(request.weights))
        return network

    with answering():
        return register(request.tracking, request.champion, build)


def main() -> None:
    """Do as standard input asks; print the version, or one line of what is wrong."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        sys.stdout.write(f"{run(ChampionRequest.from_json(sys.stdin.read()))}\n")
    except EvoPoseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()

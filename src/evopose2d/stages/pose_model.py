"""A trained network on disk: its weights beside what is needed to build it again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.files import write_json
from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.architecture import ModelConfig, Output
from evopose2d.networks.build import build_network
from evopose2d.networks.registry import architecture_of, read_model
from evopose2d.weights import load_weights, save_weights

_DESCRIPTION = "network.json"
_WEIGHTS = "network.weights.h5"


@dataclass(frozen=True)
class PoseModel:
    """A network with the meaning of its input and output.

    Attributes:
        network: from images (B, H, W, 3), RGB 0..255, or images and poses, to heatmaps (B, h, w, K).
        config: what it was built from.
        keypoints: what its K heatmaps stand for.
        sigma: standard deviation of the Gaussians it was trained on, in pixels of a heatmap 64 high.
        outputs: what training supervises of it; empty where it is not to be trained.
    """

    network: keras.Model
    config: ModelConfig
    keypoints: KeypointSchema
    sigma: float
    outputs: tuple[Output[Any], ...] = ()

    @property
    def stride(self) -> int:
        """Input pixels for one heatmap pixel."""
        return int(self.network.inputs[0].shape[1] // self.network.output_shape[1])

    @property
    def pose_errors(self) -> float | None:
        """How often keypoints are wrong in the poses that it is trained to refine; None: it sees images alone."""
        pose = architecture_of(self.config).pose_input(self.config)
        return None if pose is None else pose.errors


def check_sees_images_alone(model: PoseModel, command: str) -> None:
    """Refuse a network that refines poses where there are none.

    Raises:
        ConfigError: it is one; the line names what to use instead.
    """
    if model.pose_errors is not None:
        raise ConfigError(
            f"{command}: a network of architecture {model.config.architecture} refines poses and finds none itself; "
            "use `evopose2d refine RESULTS.json`"
        )


def save_pose_model(folder: Path, model: PoseModel) -> None:
    """Write the weights, then the description: a folder with a description is whole."""
    save_weights(model.network, folder / _WEIGHTS)
    description = {"model": asdict(model.config), "keypoints": asdict(model.keypoints), "sigma": model.sigma}
    write_json(folder / _DESCRIPTION, description)


def load_pose_model(folder: Path, *, synchronized: bool = False) -> PoseModel:
    """Build the network that a folder describes, with its weights.

    Raises:
        WeightsError: the folder holds no trained network, or one whose description is damaged.
    """
    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / _DESCRIPTION}: no trained network here ({error}); train one first") from None
    try:
        config = read_model(description["model"])
        keypoints = KeypointSchema.from_json(description["keypoints"])
        sigma = float(description["sigma"])
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{folder / _DESCRIPTION}: cannot be used ({error!r}), must be as training wrote it; train again"
        ) from None
    return build_pose_model(config, keypoints, sigma, folder / _WEIGHTS, synchronized=synchronized)


def build_pose_model(
    config: ModelConfig, keypoints: KeypointSchema, sigma: float, weights: Path, *, synchronized: bool = False
) -> PoseModel:
    """Build a network that has been trained.

    Args:
        config: what it is built from.
        keypoints: what its heatmaps stand for.
        sigma: of the Gaussians it was trained on, in pixels of a heatmap 64 high.
        weights: its weight file.
        synchronized: as in ``build_network``.

    Raises:
        WeightsError: the weights cannot be read.
    """
    network = build_network(config, keypoints.count, synchronized=synchronized)
    load_weights(network, weights)
    return PoseModel(network=network, config=config, keypoints=keypoints, sigma=sigma)

"""Bring a weight file of the original project, or an older one, into the current form."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evopose2d.errors import WeightsError
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.build import build_network
from evopose2d.stages.pose_model import PoseModel, save_pose_model
from evopose2d.weights import load_weights, read_shapes, save_weights
from evopose2d.weights.architecture_inference import InferredNetwork, infer_architecture

_SIGMA = 2.0  # of the original's targets


def convert(
    old: Path, new: Path, model: ModelConfig | None = None, input_shape: list[int] | None = None
) -> dict[str, Any]:
    """Write the weights of a file in the current form, after loading them into the network that they are of.

    Args:
        old: a ``.h5`` file that Keras 2 or this project wrote.
        new: a weight file (``.h5``), or a folder that the stages use as ``models/pose``; a folder needs a
            network of COCO's 17 keypoints.
        model: what the file is of; None: it is inferred.
        input_shape: [H, W] that a network is built for, where the file does not tell; None: its own.

    Returns:
        What was inferred.

    Raises:
        WeightsError: the file cannot be read, is of no known network, or does not fit the network.
    """
    found = infer_architecture(old, input_shape) if model is None else _given(old, model, input_shape)
    network = build_network(found.model, found.keypoints, seed=0)
    report = load_weights(network, old)
    if new.suffix in (".h5", ".hdf5"):
        metadata = {"model": asdict(found.model), "keypoints": found.keypoints, "precision": found.precision}
        save_weights(network, new, metadata)
    elif found.keypoints == COCO_PERSON.count:
        save_pose_model(new, PoseModel(network, found.model, COCO_PERSON, _SIGMA))
    else:
        raise WeightsError(
            f"{new}: a folder needs the names of the keypoints, which the file's {found.keypoints} do not have; "
            "name a .h5 file"
        )
    described = {key: value for key, value in asdict(found.model).items() if value is not None}
    return described | {
        "keypoints": found.keypoints,
        "precision": found.precision or "not told",
        "layers": len(report.loaded),
        "parameters": network.count_params(),
    }


def _given(old: Path, model: ModelConfig, input_shape: list[int] | None) -> InferredNetwork:
    kernel = read_shapes(old).get("final_conv", {}).get("kernel", ())
    keypoints = kernel[-1] if kernel else COCO_PERSON.count
    return InferredNetwork(replace(model, input_shape=input_shape or model.input_shape), keypoints, None)

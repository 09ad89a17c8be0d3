"""``pose.json``: how to use each exported file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evopose2d.data.geometry import CROP_MARGIN, IMAGENET_MEAN_COLOUR
from evopose2d.evaluation.decoding import Decoding
from evopose2d.files import write_json
from evopose2d.stages.pose_model import PoseModel

DESCRIPTION = "pose.json"


def describe(model: PoseModel, decoding: Decoding) -> dict[str, Any]:
    """Say what an exported network takes and gives.

    Args:
        model: the network.
        decoding: how its heatmaps become keypoints.
    """
    height, width = model.config.input_shape
    return {
        "input": {"name": "images", "shape": ["batch", height, width, 3], "type": "uint8", "colours": "RGB"},
        "output": {
            "name": "keypoints",
            "shape": ["batch", model.keypoints.count, 3],
            "type": "float32",
            "meaning": ["x in crop pixels", "y in crop pixels", "score"],
        },
        "crop": {
            "margin": CROP_MARGIN,
            "rule": "centre of the box in the middle of the crop; the shorter side of the box grown to the crop's "
            "aspect ratio; then the margin",
            "colour_outside": list(IMAGENET_MEAN_COLOUR),
        },
        "keypoints": asdict(model.keypoints),
        "decoding": asdict(decoding),
    }


def forget(folder: Path, file: str) -> None:
    """Take a file out of the descriptions, before another takes its place."""
    known = _read(folder)
    if file in known:
        write_json(folder / DESCRIPTION, {name: each for name, each in known.items() if name != file})


def remember(folder: Path, file: str, description: Mapping[str, Any]) -> None:
    """Add a file that is in its place to the descriptions; those of files that are gone go."""
    known = {name: each for name, each in _read(folder).items() if (folder / name).exists()}
    write_json(folder / DESCRIPTION, known | {file: description})


def _read(folder: Path) -> dict[str, Any]:
    """Return the descriptions by file; none where there is no file of such."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

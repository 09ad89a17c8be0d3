"""What a refining network learns by the stages, on people that are dots of five colours.

The network is of another package: all that makes it refine poses is that it says so.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from evopose2d.config.loading import load_params
from evopose2d.data.coco import read_coco
from evopose2d.data.geometry import keypoints_to_image
from evopose2d.data.pipeline import evaluation_dataset
from evopose2d.data.shards import read_info
from evopose2d.evaluation.coco_ap import evaluate_results
from evopose2d.evaluation.results import coco_results
from evopose2d.refinement.refine import RefineTask, refine_results
from evopose2d.refinement.refiner import PoseRefiner
from evopose2d.stages import download, layout, train, validate, write_tfrecords

_NAMES = ["nose", "left_wrist", "right_wrist", "left_ankle", "right_ankle"]
_COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
_SIDE = 80
_FAMILY = """
from evopose2d.networks.architecture import Architecture, ModelConfig, Output, PoseInput


class Small(Architecture[ModelConfig]):
    config = ModelConfig

    def pose_input(self, model):
        return PoseInput(sigma=2.0, errors=1.0)

    def outputs(self, operations, images, model, keypoints):
        features = images
        for number, stride in enumerate((2, 2, 1, 1, 1)):
            features = operations.convolution(features, f"conv{number}", 24, 3, stride)
            features = operations.normalised_swish(features, f"bn{number}")
        return [Output(operations.heatmaps(features, "final_conv", keypoints, 1))]
"""
_SETTINGS = {
    "dataset.source": "coloured",
    "model.architecture": "small",
    **dict.fromkeys(("model.genotype", "model.compound_scaling", "model.head_blocks", "model.head_channels"), "null"),
    "model.input_shape": "[64,64]",
    "train.batch_size": 8,
    "train.sigma": 4.0,
    "train.epochs": 4,
    "train.learning_rate": 0.012,
    "train.augmentation.flip_probability": 0.0,
    "validate.pictures": 0,
    "validate.flip_test": "false",  # the colours tell left from right
    "tracking.log_model": "false",
}


def _install(monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    metadata = site / "small_family-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "small_family.py").write_text(_FAMILY)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: small-family\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[evopose2d.architectures]\nsmall = small_family:Small\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "small_family", raising=False)


def _draw(root: Path, split: str, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images, people = [], []
    (root / f"{split}2017").mkdir(parents=True)
    for index in range(count):
        picture = rng.integers(90, 160, (_SIDE, _SIDE, 3), np.uint8)
        keypoints = np.concatenate([rng.uniform(12, _SIDE - 12, (5, 2)).round(), np.full((5, 1), 2)], axis=1)
        for (x, y, _), colour in zip(keypoints.astype(int).tolist(), _COLOURS, strict=True):
            cv2.circle(picture, (x, y), 4, colour[::-1], -1)
        cv2.imwrite(str(root / f"{split}2017" / f"{index}.png"), picture)
        images.append({"id": index, "file_name": f"{index}.png", "width": _SIDE, "height": _SIDE})
        people.append(
            {"id": index + 1, "image_id": index, "category_id": 1, "iscrowd": 0, "area": 2500.0, "num_keypoints": 5}
            | {"bbox": [8, 8, _SIDE - 16, _SIDE - 16], "keypoints": keypoints.ravel().tolist()}
        )
    category = {"id": 1, "name": "person", "keypoints": _NAMES, "skeleton": []}
    file = root / "annotations" / f"person_keypoints_{split}2017.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))


@pytest.mark.slow
def test_refined_poses_are_nearer_to_the_labels(
    project_root: Path, mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The stages train it, and poses that it never saw become better: those of val, and another method's results."""
    _install(monkeypatch, tmp_path / "site")
    _draw(Path("coloured"), "train", 240, seed=1)
    _draw(Path("coloured"), "val", 24, seed=2)
    params = load_params(project_root / "params.yaml", [f"{key}={value}" for key, value in _SETTINGS.items()])
    download.run(params)
    write_tfrecords.run(params)
    train.run(params)
    figures = validate.run(params)

    annotations = read_coco(Path("data/coco/annotations/person_keypoints_val2017.json"))
    records = read_info(Path(params.write_tfrecords.root) / "val")
    (batch,) = evaluation_dataset(records, (64, 64), batch_size=24, pose_errors=1.0)
    given = coco_results(batch["image_id"], keypoints_to_image(batch["pose"], batch["matrix"]), np.ones(24))
    assert figures["AP"] > evaluate_results(annotations, given, records.schema.sigmas).figures["AP"] + 0.1

    truth = json.loads(annotations.path.read_text())["annotations"]
    rng = np.random.default_rng(3)
    off = np.concatenate([rng.normal(0, 5, (len(truth), 5, 2)), np.zeros((len(truth), 5, 1))], axis=-1)
    wrong = np.array([each["keypoints"] for each in truth]).reshape(-1, 5, 3) + off
    results = [
        {"image_id": each["image_id"], "category_id": 1, "keypoints": pose.ravel().tolist(), "score": 1.0}
        | {"bbox": each["bbox"]}
        for each, pose in zip(truth, wrong, strict=True)
    ]
    Path("results.json").write_text(json.dumps(results))
    task = RefineTask(Path("results.json"), annotations.path, Path("data/coco/val2017"), Path("refined.json"))
    summary = refine_results(PoseRefiner(layout.MODEL, flip_test=False), task)
    assert summary["AP_after"] > summary["AP_before"] + 0.1

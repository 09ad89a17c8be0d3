"""Refinement with networks whose answer is known: the way into the crop and back, files, errors."""

import json

import cv2
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import schema_from_category
from evopose2d.networks.families.posefix import PoseFixConfig
from evopose2d.networks.pose_heatmaps import PoseHeatmaps
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.refinement.refine import RefineTask, refine_results
from evopose2d.refinement.refiner import PoseRefiner
from evopose2d.refinement.results import boxes_around
from evopose2d.stages.pose_model import PoseModel

_CONFIG = PoseFixConfig("posefix", [64, 64], 1, "resnet18", 8, 3, 8, 2.0, 1.0)
_SCHEMA = schema_from_category({"id": 1, "name": "person", "keypoints": ["head", "left_hand", "right_hand"]})


def _network(right: float = 0.0) -> keras.Model:
    """A network that moves the pose to the right by some crop pixels."""
    images, pose = keras.Input((64, 64, 3), name="images"), keras.Input((3, 3), name="pose")
    moved = (pose + keras.ops.array([right, 0.0, 0.0])) / keras.ops.array([4.0, 4.0, 1.0])
    heatmaps = 58 * PoseHeatmaps((16, 16), 1.0, dtype="float32")(moved)
    return keras.Model([images, pose], heatmaps + 0 * images[:, ::4, ::4, :])


def _refiner(right: float = 0.0, **choices) -> PoseRefiner:
    choices = {"flip_test": False, "decoding": "dark", "batch_size": 4} | choices
    return PoseRefiner(PoseModel(_network(right), _CONFIG, _SCHEMA, 4.0), **choices)


def _poses(count: int = 1) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.uniform(20, 90, (count, 3, 2)), rng.random((count, 3, 1))], axis=-1)


def test_boxes_are_a_fifth_larger_than_poses():
    poses = np.array([[[0, 0, 1], [10, 20, 0], [5, 5, 0.3]], [[7, 9, 1], [7, 9, 1], [7, 9, 1]]])

    np.testing.assert_allclose(boxes_around(poses), [[-1, -2, 12, 24], [7 - 12, 9 - 12, 24, 24]])


@pytest.mark.parametrize("flip_test", [False, True])
def test_a_network_that_changes_nothing_changes_nothing(flip_test):
    image, poses = np.zeros((100, 120, 3), np.uint8), _poses(7)
    refined = _refiner(flip_test=flip_test, coordinates="exact")(image, poses)

    np.testing.assert_allclose(refined, poses, atol=0.3)
    np.testing.assert_allclose(refined[..., 2], poses[..., 2], atol=1e-6)


def test_a_step_in_the_crop_is_a_step_in_the_image():
    image, poses = np.zeros((100, 120, 3), np.uint8), _poses(1)
    moved = _refiner(right=-1)(image, poses) - _refiner()(image, poses)
    scale = boxes_around(poses)[0, 2:].max() * 1.25 / 64  # image pixels in a crop pixel

    np.testing.assert_allclose(moved[..., 0], -scale, atol=0.1 * scale)
    np.testing.assert_allclose(moved[..., 1:], 0, atol=1e-3)


def test_a_box_places_the_crop():
    image, poses = np.zeros((100, 120, 3), np.uint8), _poses(1)
    box = [[10, 10, 128, 128]]
    moved = _refiner(right=-1)(image, poses, box) - _refiner()(image, poses, box)

    np.testing.assert_allclose(moved[..., 0], -128 * 1.25 / 64, atol=0.25)


def test_poses_of_another_shape_are_refused():
    refiner = _refiner()
    image = np.zeros((9, 9, 3), np.uint8)

    assert refiner(image, np.empty((0, 3, 3))).shape == (0, 3, 3)
    with pytest.raises(DataError, match=r"^boxes: got shape \(1, 3\), must be \(2, 4\)"):
        refiner(image, np.zeros((2, 3, 3)), [[1, 2, 3]])
    with pytest.raises(DataError, match=r"^poses: got shape \(3, 3\), must be \(N, 3, 3\)"):
        refiner(image, np.zeros((3, 3)))


def test_networks_are_used_for_what_they_were_trained_for():
    images = keras.Input((64, 64, 3), name="images")
    from evopose2d.networks.families.simple_baseline import SimpleBaselineConfig

    config = SimpleBaselineConfig("simple_baseline", [64, 64], 1, "resnet50", 3, 256)
    sees = PoseModel(keras.Model(images, images), config, _SCHEMA, 2.0)
    with pytest.raises(
        ConfigError, match=r"^refine: got a network of architecture simple_baseline, .* such as posefix"
    ):
        PoseRefiner(sees)
    with pytest.raises(ConfigError, match=r"^PoseEstimator: a network of architecture posefix refines poses"):
        PoseEstimator(PoseModel(_network(), _CONFIG, _SCHEMA, 4.0))


@pytest.fixture
def task(tmp_path) -> RefineTask:
    """Three images of people, in results whose order is not that of the images; one person's pose is 4 pixels off."""
    (tmp_path / "images").mkdir()
    people = _poses(5).round(1)
    images = [{"id": n, "file_name": f"{n}.png", "width": 120, "height": 100} for n in (1, 2, 3)]
    for image in images:
        cv2.imwrite(str(tmp_path / "images" / image["file_name"]), np.zeros((100, 120, 3), np.uint8))
    of = [3, 1, 2, 1, 3]
    results = [
        {"image_id": n, "category_id": 1, "keypoints": pose.ravel().tolist(), "score": 0.5, "id": index}
        for index, (n, pose) in enumerate(zip(of, people, strict=True))
    ]
    labels = [
        {
            "id": index, "image_id": n, "category_id": 1, "iscrowd": 0, "area": 900.0, "num_keypoints": 3,
            "bbox": [10.0, 10.0, 90.0, 85.0],
            "keypoints": np.concatenate([pose[:, :2], np.full((3, 1), 2)], axis=1).ravel().tolist(),
        }
        for index, (n, pose) in enumerate(zip(of, people, strict=True), start=1)
    ]  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": list(_SCHEMA.names), "skeleton": []}
    content = {"images": images, "annotations": labels, "categories": [category]}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    (tmp_path / "results.json").write_text(json.dumps(results))
    return RefineTask(
        tmp_path / "results.json", tmp_path / "annotations.json", tmp_path / "images", tmp_path / "out" / "refined.json"
    )


def test_everybody_keeps_their_place_in_the_file(task):
    summary = refine_results(_refiner(coordinates="exact"), task)
    before, after = json.loads(task.results.read_text()), json.loads(task.output.read_text())

    assert (summary["people"], summary["images"]) == (5, 3)
    assert summary["AP_before"] == 1
    assert [{**entry, "keypoints": 0} for entry in after] == [{**entry, "keypoints": 0} for entry in before]
    for entry, other in zip(before, after, strict=True):
        np.testing.assert_allclose(other["keypoints"], entry["keypoints"], atol=0.3)


def test_ap_is_measured_before_and_after(task):
    summary = refine_results(_refiner(right=12), task)

    assert summary["AP_before"] == 1
    assert summary["AP_after"] < 0.5


def test_images_that_are_missing_are_told_and_nothing_is_written(task):
    (task.images / "2.png").unlink()

    with pytest.raises(DataError, match=r"2\.png: no such image, of which .*results\.json has a pose"):
        refine_results(_refiner(), task)
    assert not task.output.exists()


def test_inputs_are_never_written_to(task):
    with pytest.raises(ConfigError, match=r"^--output: got .*results\.json, must be another file"):
        refine_results(_refiner(), RefineTask(task.results, task.annotations, task.images, task.results))


def test_without_labels_there_is_no_ap(task):
    content = json.loads(task.annotations.read_text())
    task.annotations.write_text(json.dumps(content | {"annotations": []}))

    assert set(refine_results(_refiner(), task)) == {"people", "images", "results"}
    assert task.output.exists()


def test_command_says_in_one_line_what_is_wrong(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["refine", str(task.results), "--annotations", str(task.annotations), "--images", str(task.images)]
    found = CliRunner().invoke(app, [*command, "--model", str(tmp_path / "none")])

    assert found.exit_code != 0
    assert "network.json: no trained network here" in str(found.exception)

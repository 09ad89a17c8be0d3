"""Poses that the pipeline gives beside crops, for networks that refine them."""

from dataclasses import replace

import numpy as np
import pytest
from tests.data.samples import val_people

from evopose2d.config.schema import AugmentationConfig, CropsConfig
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.writing import write_records
from evopose2d.errors import ConfigError

SHAPE = (64, 64)
FULL = AugmentationConfig(0.5, 0.3, 40.0, 0.6, 0.0, 9)


@pytest.fixture
def many(make_split, tmp_path, five_schema, records_config):
    """Records of 90 people, three in an image."""
    make_split("val", 90, people_per_image=3)
    root = tmp_path / "coco"
    people = val_people(root)
    return write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)


def _batches(many, errors, epochs=range(2), processes=0):
    return list(TrainingBatches(many, SHAPE, FULL, 8, 5, epochs, processes=processes, pose_errors=errors))


def test_poses_follow_from_seed_and_epoch_whatever_the_processes(many):
    first, others = _batches(many, 1.0), _batches(many, 1.0, processes=2)
    second_epoch = _batches(many, 1.0, range(1, 2))

    for some, other in zip(first, others, strict=True):
        for array, like in zip(some, other, strict=True):
            np.testing.assert_array_equal(array, like)
    np.testing.assert_array_equal(second_epoch[0][1], first[len(first) // 2][1])
    assert np.abs(first[0][1] - second_epoch[0][1]).max() > 0


def test_crops_and_labels_are_those_without_poses(many):
    for (images, keypoints), (posed_images, pose, labels) in zip(
        _batches(many, None), _batches(many, 1.0), strict=True
    ):
        np.testing.assert_array_equal(images, posed_images)
        np.testing.assert_array_equal(keypoints, labels)
        assert set(np.unique(pose[..., 2])) <= {0, 1}


def test_poses_without_errors_are_the_labels_of_augmented_crops(many):
    """Mirrored and turned with them: errors of 0 leave nothing else."""
    for _, pose, keypoints in _batches(many, 0.0):
        np.testing.assert_array_equal(pose[..., :2], keypoints[..., :2])
        np.testing.assert_array_equal(pose[..., 2] > 0, keypoints[..., 2] > 0)


def test_errors_lie_about_the_labels(many):
    for _, pose, keypoints in _batches(many, 1.0):
        given = (pose[..., 2] > 0) & (keypoints[..., 2] > 0)
        distance = np.linalg.norm(pose[..., :2] - keypoints[..., :2], axis=-1)[given]
        assert 0 < np.median(distance) < 8  # a good keypoint is within 6 % of the box's side
        assert (distance > 0).all()


def test_an_evaluation_gives_the_same_poses_each_time(many):
    def poses():
        return np.concatenate([b["pose"] for b in evaluation_dataset(many, SHAPE, batch_size=8, pose_errors=1.0)])

    np.testing.assert_array_equal(poses(), poses())
    assert "pose" not in next(iter(evaluation_dataset(many, SHAPE, batch_size=8)))


def test_shapes_are_told_of_images_poses_and_keypoints(many):
    posed = TrainingBatches(many, SHAPE, FULL, batch_size=8, seed=5, epochs=range(1), pose_errors=1.0)
    assert [(array.shape, str(array.dtype)) for array in next(iter(posed))] == list(posed.shapes)
    assert len(posed.shapes) == 3


def test_records_of_single_people_do_not_do(many):
    crops = CropsConfig(input_shape=[64, 64], scale=0.3, rotation=40.0, half_body=False, quality=90)
    with pytest.raises(ConfigError, match=r"^write_tfrecords\.content: got crops \(.*\), must be images to train"):
        TrainingBatches(replace(many, crops=crops), SHAPE, FULL, 8, 5, range(1), pose_errors=1.0)

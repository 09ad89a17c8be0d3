"""Records of crops: written, read, refused, and how near their batches are to those of whole images."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tests.data.samples import FULL, val_people

from evopose2d.config.schema import CropsConfig, SyntheticConfig
from evopose2d.data import records, writing
from evopose2d.data.cache import CropCache
from evopose2d.data.crop_region import LOSSLESS
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.shards import read_info
from evopose2d.data.synthetic.dataset import write_synthetic_dataset
from evopose2d.errors import ConfigError, DataError

SHAPE = (64, 64)
FLIPS = replace(FULL, scale=0.0, rotation_probability=0.0, half_body_probability=0.0)
COVERED = CropsConfig(input_shape=[64, 64], scale=0.3, rotation=40.0, half_body=True, quality=90)


@pytest.fixture
def write(make_split, tmp_path, five_schema, records_config):
    """Ten people of ten images of smooth colours, some larger than a crop, and a function that writes them."""
    make_split("val", 10)
    root = tmp_path / "coco"
    rng = np.random.default_rng(0)
    for path in sorted((root / "val2017").iterdir()):
        coarse = rng.integers(40, 216, (12, 18, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (480, 320), interpolation=cv2.INTER_CUBIC))
    people = val_people(root)
    moved = []
    for person in people:
        box = rng.uniform((0, 0, 20, 20), (250, 150, 220, 170)).astype(np.float32)
        places = np.column_stack([rng.uniform(box[:2], box[:2] + box[2:], (5, 2)), [2, 2, 1, 0, 2]])
        moved.append(replace(person, box=box, keypoints=places.astype(np.float32), image_size=(480, 320)))

    def written(content="crops", crops=COVERED, folder=None, **settings):
        config = records_config(content=content, crops=crops, **settings)
        return writing.write_records(
            moved, root / "val2017", tmp_path / (folder or content) / "val", config, five_schema
        )

    return written


def contents(info) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(info.folder.iterdir())}


def batches(info, augmentation, **settings):
    options = {"batch_size": 5, "seed": 3, "epochs": range(2)} | settings
    return list(TrainingBatches(info, SHAPE, augmentation, **options))


def difference(images, others) -> np.ndarray:
    """Mean difference in grey levels (P,) of P people's crops."""
    return np.abs(np.asarray(images, int) - np.asarray(others, int)).mean(axis=(1, 2, 3))


def test_equal_input_gives_equal_bytes_and_the_info_says_what_is_covered(write):
    info = write()
    assert read_info(info.folder) == info
    assert info.crops == COVERED
    assert contents(write(folder="again", workers=1)) == contents(info)
    assert read_info(write("images").folder).crops is None
    assert '"crops"' not in (write("images").folder / "info.json").read_text()


def test_whole_images_say_nothing_of_a_placement(write):
    whole, part = (
        next(tf.data.TFRecordDataset(str(write(kind).files[0])).as_numpy_iterator()) for kind in ("images", "crops")
    )
    assert b"placement" not in whole and b"placement" in part
    assert records.parse(whole, 5).placement.tolist() == [0, 0, 1]
    x, y, scale = records.parse(part, 5).placement
    assert 0 < scale <= 1 and (x, y) != (0, 0)
    np.testing.assert_array_equal(records.parse(whole, 5).box, records.parse(part, 5).box)


@pytest.mark.parametrize(("augmentation", "mean", "most"), [(FLIPS, 1.5, 2.2), (FULL, 1.8, 3.3)])
def test_batches_are_nearly_those_of_whole_images_and_keypoints_are_the_same(write, augmentation, mean, most):
    whole, crops = batches(write("images"), augmentation), batches(write(), augmentation)
    assert len(whole) == len(crops) == 4
    differences = []
    for (images, keypoints), (other_images, other_keypoints) in zip(whole, crops, strict=True):
        np.testing.assert_array_equal(other_keypoints, keypoints)
        differences.extend(difference(images, other_images))
    assert 0 < np.mean(differences) < mean and max(differences) < most


@pytest.mark.parametrize(("centred", "most"), [(False, 0.1), (True, 1.0)])
def test_judging_without_loss_is_that_of_whole_images(write, centred, most):
    still = replace(COVERED, scale=0.0, rotation=0.0, half_body=False, quality=LOSSLESS)
    infos = (write("images"), write(crops=still))
    pairs = zip(*(evaluation_dataset(info, SHAPE, batch_size=4, centred=centred) for info in infos), strict=True)
    for whole, crops in pairs:
        assert whole.keys() == crops.keys()
        for name in whole.keys() - {"images"}:
            np.testing.assert_array_equal(whole[name], crops[name])
        assert difference(whole["images"], crops["images"]).max() < most


def test_smaller_networks_of_the_same_aspect_ratio_can_be_fed(write):
    whole, crops = (
        next(iter(evaluation_dataset(write(kind), (32, 32), batch_size=10))) for kind in ("images", "crops")
    )
    np.testing.assert_array_equal(whole["keypoints"], crops["keypoints"])
    assert difference(whole["images"], crops["images"]).mean() < 5


def test_crops_at_hand_are_those_that_are_cut_anew(write):
    info = write()
    expected = batches(info, FLIPS)
    crops = CropCache(1).training(info, SHAPE, FLIPS)
    for some, others in zip(expected, batches(info, FLIPS, crops=crops), strict=True):
        np.testing.assert_array_equal(others[0], some[0])
        np.testing.assert_array_equal(others[1], some[1])
    judged = CropCache(1).evaluation(info, SHAPE).batches(4)
    for some, others in zip(evaluation_dataset(info, SHAPE, batch_size=4), judged, strict=True):
        np.testing.assert_array_equal(others["images"], some["images"])


@pytest.mark.parametrize(
    ("changes", "shape", "told"),
    [
        ({}, (96, 96), r"model.input_shape: got \[96, 96\], must be at most \[64, 64\]"),
        ({}, (64, 32), r"model.input_shape: got \[64, 32\], must be .* aspect ratio"),
        ({"scale": 0.31}, SHAPE, r"train.augmentation.scale: got 0.31, must be at most 0.3"),
        ({"rotation": 41.0}, SHAPE, r"train.augmentation.rotation: got 41.0, must be at most 40.0"),
        ({"half_body_probability": 0.1}, SHAPE, r"train.augmentation.half_body_probability: got 0.1, must be 0,"),
    ],
)
def test_what_the_records_do_not_cover_is_refused_in_one_line(write, changes, shape, told):
    info = write(crops=replace(COVERED, half_body=False))
    augmentation = replace(FULL, half_body_probability=0.0)
    options = {"batch_size": 4, "seed": 0, "epochs": range(1)}
    TrainingBatches(info, SHAPE, augmentation, **options)
    with pytest.raises(ConfigError, match=told) as caught:
        TrainingBatches(info, shape, replace(augmentation, **changes), **options)
    message = str(caught.value)
    assert "\n" not in message and "write_tfrecords.crops." in message and str(info.folder) in message
    if not changes:
        with pytest.raises(ConfigError, match=r"model\.input_shape"):
            evaluation_dataset(info, shape, batch_size=4)
        with pytest.raises(ConfigError, match=r"model\.input_shape"):
            CropCache(1).training(info, shape, FLIPS)


def test_rotation_that_is_never_drawn_needs_no_room(write):
    info = write(crops=replace(COVERED, rotation=0.0))
    assert batches(info, replace(FULL, rotation_probability=0.0))
    with pytest.raises(ConfigError, match="rotation"):
        batches(info, FULL)


def test_an_interrupted_run_leaves_whole_files_and_no_info(write, monkeypatch):
    info = write()
    expected = contents(info)
    encode = records.encode

    def stop_at_the_sixth(people, *rest):
        if people[0].annotation_id == 5005:
            raise KeyboardInterrupt
        return encode(people, *rest)

    monkeypatch.setattr(records, "encode", stop_at_the_sixth)
    with pytest.raises(KeyboardInterrupt):
        write(workers=1)
    left = contents(info)
    assert "val-00000-of-00003.tfrecord" in left and left.items() < expected.items()
    with pytest.raises(DataError, match="incomplete"):
        read_info(info.folder)


def test_splits_that_are_judged_have_no_room_for_augmentation_and_no_loss(
    make_split, tmp_path, records_config, dataset_config
):
    make_split("train", 3)
    make_split("val", 3)
    config = records_config(content="crops", crops=COVERED)
    written = writing.write_all_records(dataset_config(tmp_path / "coco"), config)
    assert written["train"].crops == COVERED
    assert written["val"].crops == replace(COVERED, scale=0.0, rotation=0.0, half_body=False, quality=LOSSLESS)
    with pytest.raises(ConfigError, match="scale"):
        batches(written["val"], FULL)
    with pytest.raises(DataError, match="not found"):
        read_info(tmp_path / "records" / "test-dev")


def test_drawn_people_are_judged_as_on_whole_images(tmp_path, records_config, dataset_config):
    drawn = SyntheticConfig(seed=5, train_images=2, val_images=4, test_images=0)
    write_synthetic_dataset(tmp_path / "drawn", drawn, workers=1, progress=None)
    whole, crops = (
        writing.write_all_records(
            dataset_config(tmp_path / "drawn"),
            replace(records_config(content=content, crops=COVERED), root=str(tmp_path / content)),
        )
        for content in ("images", "crops")
    )
    pairs = zip(*(evaluation_dataset(infos["val"], SHAPE, batch_size=4) for infos in (whole, crops)), strict=True)
    for some, others in pairs:
        np.testing.assert_array_equal(others["matrix"], some["matrix"])
        assert difference(some["images"], others["images"]).max() < 0.2

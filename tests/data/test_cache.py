"""Cached crops: the same batches as those that are cut anew, in memory, in a file, or not at all."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.data.samples import val_people

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data import cache as cache_module
from evopose2d.data.arrays import aligned, in_file
from evopose2d.data.augmentation import draw, drawn_augmentation, flip_only
from evopose2d.data.cache import CropCache
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.writing import write_records

SHAPE = (48, 32)
FLIPS = AugmentationConfig(
    flip_probability=0.5,
    scale=0.0,
    rotation=0.0,
    rotation_probability=0.0,
    half_body_probability=0.0,
    half_body_keypoints=9,
)
BYTES = 11 * 48 * 33 * 3  # of the training crops below


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(params=[1, 3])
def eleven(request, make_split, tmp_path, five_schema, records_config):
    """Records of eleven people in noise, one or three in an image, in three files."""
    make_split("val", 11, people_per_image=request.param)
    root = tmp_path / "coco"
    rng = np.random.default_rng(0)
    for path in sorted((root / "val2017").iterdir()):
        coarse = rng.integers(0, 256, (20, 30, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (120, 80), interpolation=cv2.INTER_CUBIC))
    people = val_people(root)
    boxes = rng.uniform((0, 0, 10, 10), (60, 30, 60, 50), (11, 4)).astype(np.float32)
    people = [replace(person, box=box) for person, box in zip(people, boxes, strict=True)]
    return write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)


def batches(info, crops, augmentation=FLIPS, **settings):
    options = {"batch_size": 4, "seed": 3, "epochs": range(3)} | settings
    cut = TrainingBatches(info, SHAPE, augmentation, crops=crops, **options)
    return cut.shapes, list(cut)


@pytest.fixture(params=["memory", "file"])
def cache(request, tmp_path):
    return CropCache(1 if request.param == "memory" else 0, tmp_path)


@pytest.mark.parametrize("settings", [{}, {"epochs": range(1, 3)}, {"batch_size": 16}, {"batch_size": 1, "seed": 9}])
def test_batches_are_those_that_are_cut_anew(eleven, tmp_path, settings):
    spec, expected = batches(eleven, None, **settings)
    crops = CropCache(1).training(eleven, SHAPE, FLIPS)
    cached_spec, found = batches(eleven, crops, **settings)
    assert cached_spec == spec
    assert len(found) == len(expected) > 0
    for (images, keypoints), (cached_images, cached_keypoints) in zip(expected, found, strict=True):
        np.testing.assert_array_equal(cached_images, images)
        np.testing.assert_array_equal(cached_keypoints, keypoints)
        assert (cached_images.dtype, cached_keypoints.dtype) == (images.dtype, keypoints.dtype)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_nobody_or_everybody_is_mirrored(eleven, probability):
    augmentation = replace(FLIPS, flip_probability=probability)
    crops = CropCache(1).training(eleven, SHAPE, augmentation)
    _, expected = batches(eleven, None, augmentation, epochs=range(1))
    _, found = batches(eleven, crops, augmentation, epochs=range(1))
    for some, others in zip(expected, found, strict=True):
        np.testing.assert_array_equal(others[0], some[0])
        np.testing.assert_array_equal(others[1], some[1])


@pytest.mark.parametrize("eleven", [1], indirect=True)  # with three in an image, none is rounded otherwise
def test_pixels_that_the_mirrored_warp_rounds_otherwise_are_kept(eleven):
    crops = CropCache(1).training(eleven, SHAPE, FLIPS)
    spoilt = replace(crops, patch_places=crops.patch_places[:0], patch_values=crops.patch_values[:0])
    everybody = np.arange(11)
    exact, _ = crops.gather(everybody, np.ones(11, bool))
    rounded, _ = spoilt.gather(everybody, np.ones(11, bool))
    assert 0 < np.count_nonzero(exact != rounded) == len(crops.patch_places) < exact.size / 100


def test_evaluation_batches_are_those_that_are_cut_anew(eleven):
    cache = CropCache(1)
    for batch_size, centred in ((4, False), (16, False), (11, True)):
        expected = list(evaluation_dataset(eleven, SHAPE, batch_size=batch_size, centred=centred))
        cached = cache.evaluation(eleven, SHAPE, centred=centred).batches(batch_size)
        for _ in range(2):
            found = list(cached)
            assert len(found) == len(expected)
            for some, others in zip(expected, found, strict=True):
                assert some.keys() == others.keys()
                for name in some:
                    np.testing.assert_array_equal(others[name], some[name])
                    assert others[name].dtype == some[name].dtype


def test_crops_are_cut_once_for_all_who_ask(eleven):
    cache = CropCache(1)
    crops = cache.training(eleven, SHAPE, FLIPS)
    assert cache.training(eleven, SHAPE, replace(FLIPS, flip_probability=0.1)) is crops
    judged = cache.evaluation(eleven, SHAPE)
    assert cache.evaluation(eleven, SHAPE) is judged
    assert cache.training(eleven, SHAPE, FLIPS) is crops
    other = cache.training(eleven, (32, 32), FLIPS)
    assert other.crops.shape == (11, 32, 33, 3)
    eleven.files[0].touch()
    assert cache.training(eleven, (32, 32), FLIPS) is not other


def test_what_exceeds_the_budget_goes_to_a_file_without_a_name(eleven, tmp_path, monkeypatch):
    (spill := tmp_path / "spill").mkdir()
    monkeypatch.setattr(cache_module, "_DISK_LEFT", 0)
    cache = CropCache(1, spill)
    cache._budget = BYTES
    in_memory = cache.training(eleven, SHAPE, FLIPS)
    judged = cache.evaluation(eleven, SHAPE)  # nothing is left of the budget
    assert not isinstance(in_memory.crops, np.memmap)
    assert isinstance(judged.values["images"], np.memmap)
    cache = CropCache(1, spill)
    cache._budget = BYTES - 1
    in_file = cache.training(eleven, SHAPE, FLIPS)
    assert isinstance(in_file.crops, np.memmap)
    np.testing.assert_array_equal(in_file.crops, in_memory.crops)
    assert list(spill.iterdir()) == []


def test_where_there_is_no_room_nothing_is_kept_and_one_line_says_so(eleven, tmp_path, monkeypatch, caplog):
    assert CropCache(0, tmp_path).training(eleven, SHAPE, FLIPS) is None
    assert CropCache(0, tmp_path).evaluation(eleven, SHAPE) is None
    assert not caplog.records
    for folder, left in ((tmp_path, 2**60), (tmp_path / "nowhere", 0)):
        monkeypatch.setattr(cache_module, "_DISK_LEFT", left)
        cache = CropCache(1, folder)
        cache._budget = 1
        assert cache.training(eleven, SHAPE, FLIPS) is None
        (record,) = caplog.records
        assert "11 training crops are cut anew each time" in record.getMessage()
        caplog.clear()


@pytest.mark.parametrize(
    ("changes", "alone"),
    [
        ({}, True),
        ({"flip_probability": 0.0}, True),
        ({"rotation": 40.0}, True),
        ({"rotation_probability": 0.6}, True),
        ({"rotation": 40.0, "rotation_probability": 0.6}, False),
        ({"scale": 0.3}, False),
        ({"half_body_probability": 0.1}, False),
    ],
)
def test_only_what_mirrors_alone_has_constant_crops(changes, alone):
    config = replace(FLIPS, **changes)
    assert flip_only(config) == alone
    drawn = drawn_augmentation(config, draw(np.random.default_rng(0), 200))
    constant = not ((drawn.scale != 1).any() or drawn.rotation.any() or drawn.half_body.any())
    assert constant == alone
    assert (CropCache(0).training(None, SHAPE, config) is None) if not alone else True


def test_arrays_are_aligned_for_tensorflow(tmp_path):
    for size in (1, 7, 4097):
        assert aligned((size, 3)).ctypes.data % 64 == 0
    array = in_file((5, 3), tmp_path)
    array[...] = 7
    assert array.sum() == 105

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tests.data.samples import FULL, val_people

from evopose2d.config.schema import CropsConfig, RecordsConfig
from evopose2d.data import coco, geometry
from evopose2d.data.images import ImageDecoder
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset, steps_per_epoch
from evopose2d.data.writing import write_records
from evopose2d.feeding import feed
from evopose2d.keypoints import COCO_PERSON

SHAPE = (32, 32)


@pytest.fixture
def ten(make_split, tmp_path, five_schema, records_config):
    """Records of ten people, each in an image of another grey level."""
    make_split("val", 10)
    root = tmp_path / "coco"
    people = val_people(root)
    return write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)


def batches(info, augmentation, *, first_epoch=0, epochs=1, batch_size=4, seed=5, processes=None):
    numbers = range(first_epoch, epochs)
    return list(TrainingBatches(info, SHAPE, augmentation, batch_size, seed, numbers, processes=processes))


def people_of(some_batches) -> list[int]:
    """Tell the people by the grey level in the middle of their crops."""
    return [round((int(image[16, 16, 0]) - 10) / 8) for images, _ in some_batches for image in images]


def assert_equal(some, others):
    assert len(some) == len(others)
    for (images, keypoints), (other_images, other_keypoints) in zip(some, others, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(keypoints, other_keypoints)


def test_batches_are_uint8_crops_and_keypoints_of_one_static_size(ten):
    dataset = feed(TrainingBatches(ten, (64, 32), FULL, batch_size=4, seed=0, epochs=range(1)))
    images, keypoints = dataset.element_spec
    assert (images.shape, images.dtype) == ((4, 64, 32, 3), tf.uint8)
    assert (keypoints.shape, keypoints.dtype) == ((4, 5, 3), tf.float32)
    images, keypoints = next(iter(dataset))
    assert images.shape == (4, 64, 32, 3) and keypoints.shape == (4, 5, 3)


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 10), (4, 3), (5, 2), (10, 1), (16, 1)])
def test_an_epoch_sees_everybody_and_fills_its_last_batch_from_its_start(ten, no_augmentation, batch_size, steps):
    assert steps_per_epoch(ten, batch_size) == steps
    epoch = batches(ten, no_augmentation, batch_size=batch_size)
    assert len(epoch) == steps
    order = people_of(epoch)
    assert sorted(order[:10]) == list(range(10))
    assert order[10:] == order[: len(order) - 10]


def test_each_epoch_has_another_order_across_files(ten, no_augmentation):
    order = people_of(batches(ten, no_augmentation, epochs=6, batch_size=5))
    epochs = [tuple(order[start : start + 10]) for start in range(0, 60, 10)]
    assert len(set(epochs)) == 6
    assert len({epoch[0] // 4 for epoch in epochs}) > 1  # files of four


def test_a_resumed_run_gets_the_batches_of_an_unbroken_one(ten):
    unbroken = batches(ten, FULL, epochs=4)
    for first_epoch in (1, 3):
        assert_equal(batches(ten, FULL, first_epoch=first_epoch, epochs=4), unbroken[3 * first_epoch :])
    assert batches(ten, FULL, first_epoch=4, epochs=4) == []


def test_batches_depend_on_the_seed_given_and_on_no_global_one(ten):
    tf.random.set_seed(1)
    np.random.seed(1)
    first = batches(ten, FULL)
    tf.random.set_seed(2)
    assert_equal(batches(ten, FULL), first)
    other = batches(ten, FULL, seed=6)
    assert people_of(other) != people_of(first)


def test_augmentation_differs_between_epochs_and_positions(ten):
    turning = batches(ten, replace(FULL, rotation_probability=1.0), epochs=2, batch_size=10)
    keypoints = np.concatenate([batch for _, batch in turning])
    assert len({tuple(person.ravel()) for person in keypoints}) == 20


def test_training_crops_of_nobody_augmented_are_the_evaluations(ten, no_augmentation):
    trained = batches(ten, no_augmentation, batch_size=10)
    evaluated = next(iter(evaluation_dataset(ten, SHAPE, batch_size=10)))
    order = np.argsort(people_of(trained))
    np.testing.assert_array_equal(trained[0][0][order], evaluated["images"])
    np.testing.assert_array_equal(trained[0][1][order], evaluated["keypoints"])


@pytest.mark.parametrize(("batch_size", "steps"), [(4, 3), (5, 2), (16, 1)])
def test_evaluation_gives_everybody_in_order_and_repeats_the_last_alone(ten, batch_size, steps):
    dataset = evaluation_dataset(ten, SHAPE, batch_size=batch_size)
    parts = list(dataset)
    assert len(dataset) == len(parts)
    assert [len(values) for part in parts for values in part.values()] == [batch_size] * steps * 7
    everything = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    padded = [*range(5000, 5010)] + [5009] * (steps * batch_size - 10)
    assert everything["annotation_id"].tolist() == padded
    assert everything["image_id"].tolist() == [number - 4000 for number in padded]
    for values in everything.values():
        np.testing.assert_array_equal(values[10:], np.repeat(values[9:10], len(values) - 10, axis=0))
    assert everything["score"].tolist() == [1.0] * len(padded)
    boxes = everything["box"]
    np.testing.assert_array_equal(boxes[0], [44, 20, 31, 39])
    np.testing.assert_array_equal(everything["matrix"], geometry.crop_matrices(boxes, SHAPE))
    assert everything["matrix"].dtype == np.float64
    back = geometry.keypoints_to_image(everything["keypoints"], everything["matrix"])
    expected = [[60, 25, 2], [50, 40, 2], [70, 40, 1], [0, 0, 0], [65, 58, 2]]
    np.testing.assert_allclose(back[3], expected, atol=1e-4)


def test_keypoints_outside_the_crop_are_masked(ten, make_split, tmp_path, records_config, five_schema):
    root = tmp_path / "coco"
    person = val_people(root)[0]
    keypoints = np.array([[60, 25, 2], [2, 40, 2], [118, 40, 1], [0, 0, 0], [65, 79, 2]], np.float32)
    moved = replace(person, keypoints=keypoints)
    info = write_records([moved], root / "val2017", tmp_path / "one", records_config(), five_schema)
    batch = next(iter(evaluation_dataset(info, SHAPE, batch_size=1)))
    assert batch["keypoints"][0, :, 2].tolist() == [2, 0, 0, 0, 0]


@pytest.fixture
def crowded(make_split, tmp_path, five_schema, records_config):
    """Records of 24 people in eight images; they are told apart by the images' grey levels and their boxes."""
    make_split("val", 24, people_per_image=3)
    root = tmp_path / "coco"
    people = val_people(root)
    people = [replace(person, box=person.box + np.float32([index % 3, 0, 0, 0])) for index, person in enumerate(people)]
    return write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)


def test_an_epoch_sees_everybody_of_all_images_and_nobody_beside_another_of_the_same(crowded, no_augmentation):
    for epoch in (0, 1):
        some = batches(crowded, no_augmentation, first_epoch=epoch, epochs=epoch + 1, batch_size=8)
        heads = np.concatenate([keypoints[:, 0, 0] for _, keypoints in some]).round(3).tolist()
        seen = list(zip(people_of(some), heads, strict=True))
        assert sorted(image for image, _ in seen) == sorted(list(range(8)) * 3)
        assert len(set(seen)) == 24
        assert all(len(set(people_of([batch]))) == 8 for batch in some)


def test_an_image_is_decoded_once_for_all_of_its_people(crowded, no_augmentation, monkeypatch):
    decoded = []
    decode = ImageDecoder.rgba
    monkeypatch.setattr(ImageDecoder, "rgba", lambda *given: decoded.append(1) or decode(*given))
    assert len(batches(crowded, no_augmentation, batch_size=8)) == 3
    assert len(decoded) == 8
    decoded.clear()
    assert len(list(evaluation_dataset(crowded, SHAPE, batch_size=8))) == 3
    assert len(decoded) == 8


def test_people_of_an_image_are_augmented_each_on_their_own(crowded):
    turning = batches(crowded, replace(FULL, rotation_probability=1.0), batch_size=24)
    keypoints = turning[0][1]
    assert len({tuple(person.ravel()) for person in keypoints}) == 24


def test_the_dataset_for_tensorflow_begins_anew_and_has_no_thread_that_tunes_it(ten):
    dataset = feed(TrainingBatches(ten, SHAPE, FULL, batch_size=4, seed=5, epochs=range(2)))
    assert not dataset.options().autotune.enabled
    assert dataset.cardinality() == 6
    for _ in range(2):
        assert_equal(list(dataset.as_numpy_iterator()), batches(ten, FULL, epochs=2))


def noisy_image(suffix: str) -> bytes:
    rng = np.random.default_rng(2)
    noise = cv2.resize(rng.integers(0, 256, (20, 30, 3), np.uint8), (120, 80), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(suffix, noise)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_crops_are_those_of_the_whole_decoded_image(make_split, tmp_path, records_config, five_schema, suffix):
    make_split("val", 1, suffix=suffix)
    root = tmp_path / "coco"
    path = root / f"val2017/000{suffix}"
    path.write_bytes(noisy_image(suffix))
    people = val_people(root)
    boxes = [(44, 20, 31, 39), (0, 0, 119, 79), (90, 50, 29, 29), (3, 3, 5, 9)]
    people = [replace(people[0], box=np.array(box, np.float32)) for box in boxes]
    info = write_records(people, root / "val2017", tmp_path / "crops", records_config(), five_schema)
    encoded = path.read_bytes()
    whole = tf.io.decode_png(encoded) if suffix == ".png" else tf.io.decode_jpeg(encoded, dct_method="INTEGER_FAST")
    whole = whole.numpy()
    batch = next(iter(evaluation_dataset(info, (48, 64), batch_size=4)))
    for box, image in zip(boxes, batch["images"], strict=True):
        expected = geometry.crop(whole, geometry.crop_matrices(box, (48, 64)), (48, 64))
        np.testing.assert_array_equal(image, expected)


@pytest.fixture(scope="session")
def reference_records(coco_sample, tmp_path_factory):
    """Records of the reference's people with boxes as annotated, which its crops were made of."""
    path = coco_sample / "annotations/person_keypoints_val2017.json"
    annotations = coco.read_coco(path)
    entries = json.loads(path.read_text())["annotations"]
    boxes = {entry["id"]: np.array(entry["bbox"], np.float32) for entry in entries}
    people = [
        replace(person, box=boxes[person.annotation_id])
        for person in coco.annotated_people(annotations, labelled_only=True)
    ]
    config = RecordsConfig(
        root="",
        people_per_shard=100,
        bad_images="error",
        workers=2,
        seed=0,
        content="images",
        crops=CropsConfig([128, 96], 0.3, 40.0, False, 90),
    )
    folder = tmp_path_factory.mktemp("reference") / "val"
    return write_records(people, coco_sample / "val2017", folder, config, COCO_PERSON)


@pytest.mark.parametrize("height", [256, 384])
def test_crops_and_keypoints_are_the_originals(reference, reference_records, height):
    numbers = np.load(reference / "preprocess_ref.npz")
    compared = 0
    for batch in evaluation_dataset(reference_records, (height, height * 3 // 4), batch_size=16):
        for index, annotation_id in enumerate(batch["annotation_id"]):
            key = f"{annotation_id}_{height}"
            if f"{key}_M" not in numbers:
                continue
            image = batch["images"][index]
            difference = np.abs(image[::8, ::8].astype(int) - numbers[f"{key}_crop8"])
            assert difference.mean() < 0.6  # 2 are allowed; another JPEG decoder would cost 1.2
            normalised = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            np.testing.assert_allclose(normalised.mean(axis=(0, 1)), numbers[f"{key}_cropmean"], atol=0.01)
            np.testing.assert_allclose(batch["matrix"][index], numbers[f"{key}_M"], rtol=1e-5, atol=1e-3)
            np.testing.assert_allclose(batch["keypoints"][index], numbers[f"{key}_kp"], atol=1e-3)
            compared += 1
    # 12 people, and those that pad the last batch
    assert compared >= 12

"""What a record holds: an image with its people, or one person with a part of an image."""

import numpy as np
import pytest
import tensorflow as tf

from evopose2d.data import records
from evopose2d.data.coco import Person
from evopose2d.errors import DataError


def person(number: int) -> Person:
    keypoints = np.arange(15, dtype=np.float32).reshape(5, 3) / 7 + number
    box = np.array([0.1 + number, 200.7, 33.3, 1e-3], np.float32)
    return Person(2**40, 900100217285 + number, "a.jpg", box, keypoints, 0.3 + number, 5.0)


def feature(record: tf.train.Example, name: str):
    value = record.features.feature[name]
    return list(getattr(value, value.WhichOneof("kind")).value)


def assert_people(parsed: records.Record, people: list[Person]) -> None:
    assert parsed.image_id == 2**40
    assert parsed.annotation_id.tolist() == [someone.annotation_id for someone in people]
    np.testing.assert_array_equal(parsed.box, [someone.box for someone in people])
    np.testing.assert_array_equal(parsed.keypoints, [someone.keypoints for someone in people])
    np.testing.assert_array_equal(parsed.score, np.float32([someone.score for someone in people]))


@pytest.mark.parametrize("placement", [(0.0, 0.0, 1.0), (1.5, 2.5, 0.5)])
def test_parsing_gives_back_the_people_of_an_image(placement):
    for people in ([person(0)], [person(number) for number in range(7)]):
        encoded = records.encode(people, b"\xff\xd8 image \x00", placement)
        parsed = records.parse(encoded, 5)
        assert parsed.image == b"\xff\xd8 image \x00"
        assert tuple(parsed.placement) == placement
        assert_people(parsed, people)
        assert records.people_in(encoded) == len(people)


def test_a_record_is_an_example_of_tensorflow_byte_for_byte():
    people = [person(0), person(1)]
    encoded = records.encode(people, b"image", (1.5, 2.5, 0.5))
    example = tf.train.Example.FromString(encoded)
    assert example.SerializeToString(deterministic=True) == encoded
    assert sorted(example.features.feature) == [
        *("annotation_id", "box", "image", "image_id", "keypoints", "placement", "score"),
    ]
    assert feature(example, "annotation_id") == [someone.annotation_id for someone in people]
    assert feature(example, "image") == [b"image"]
    assert feature(example, "score") == np.float32([0.3, 1.3]).tolist()


@pytest.mark.parametrize("record", [b"", b"no record", records.encode([person(0)], b"image")[:-9]])
def test_what_is_no_record_is_told(record: bytes):
    with pytest.raises(DataError, match="not one that write-tfrecords wrote"):
        records.parse(record, 5)


def test_what_tensorflow_wraps_is_told_in_one_line():
    def fail(step: int) -> int:
        raise DataError("folder: a record file is cut short")

    numbers = tf.data.Dataset.range(1).map(lambda step: tf.numpy_function(fail, [step], tf.int64))
    with pytest.raises(DataError, match=r"^folder: a record file is cut short$"), records.raise_if_corrupt():
        list(numbers)


def test_other_errors_are_not_taken_for_damage():
    with pytest.raises(tf.errors.InvalidArgumentError), records.raise_if_corrupt():
        tf.io.decode_jpeg(b"no image")

"""What a record holds: an image with its people, or one person with a part of an image."""

from pathlib import Path

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


def assert_people(parsed: dict[str, tf.Tensor], people: list[Person]) -> None:
    assert parsed["image_id"].numpy().tolist() == [2**40] * len(people)
    assert parsed["annotation_id"].numpy().tolist() == [someone.annotation_id for someone in people]
    np.testing.assert_array_equal(parsed["box"], [someone.box for someone in people])
    np.testing.assert_array_equal(parsed["keypoints"], [someone.keypoints for someone in people])
    np.testing.assert_array_equal(parsed["score"], np.float32([someone.score for someone in people]))


def test_parsing_gives_back_the_people_of_an_image():
    for people in ([person(0)], [person(number) for number in range(7)]):
        parsed = records.parse(tf.constant(records.encode(people, b"\xff\xd8 image \x00")), 5)
        assert parsed["image"].numpy() == b"\xff\xd8 image \x00"
        np.testing.assert_array_equal(parsed["placement"], [[0, 0, 1]] * len(people))
        assert_people(parsed, people)


def test_records_of_one_person_each_are_parsed_together():
    people = [person(number) for number in range(3)]
    encoded = [records.encode([someone], b"part", (1.5, 2.5, 0.5 + index)) for index, someone in enumerate(people)]
    parsed = records.parse(tf.constant(encoded), 5)
    assert parsed["image"].numpy().tolist() == [b"part"] * 3
    np.testing.assert_array_equal(parsed["placement"], [(1.5, 2.5, 0.5), (1.5, 2.5, 1.5), (1.5, 2.5, 2.5)])
    assert_people(parsed, people)


def cut_short(path: Path) -> Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"a" * 100)
    path.write_bytes(path.read_bytes()[:-10])
    return path


def changed(path: Path) -> Path:
    whole = cut_short(path).read_bytes()
    path.write_bytes(whole + b"x" * 10)
    return path


@pytest.mark.parametrize("damage", [cut_short, changed])
@pytest.mark.parametrize("in_python", [False, True])
def test_damage_is_told_in_one_line(tmp_path: Path, damage, in_python: bool):
    contents = iter(tf.data.TFRecordDataset(str(damage(tmp_path / "val.tfrecord"))))
    wrapped = tf.data.Dataset.range(1).map(lambda _: tf.py_function(lambda: next(contents), [], tf.string))
    with pytest.raises(DataError) as told, records.told_if_damaged(tmp_path):
        list(wrapped if in_python else contents)
    assert str(told.value).startswith(f"{tmp_path}: a record file is cut short or damaged")
    assert "write-tfrecords" in str(told.value)
    assert "\n" not in str(told.value)


def test_other_errors_of_tensorflow_are_not_taken_for_damage(tmp_path: Path):
    with pytest.raises(tf.errors.InvalidArgumentError), records.told_if_damaged(tmp_path):
        records.decode(b"no image")

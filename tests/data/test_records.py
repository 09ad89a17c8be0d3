"""What a record holds: an image with its people, or one person with a part of an image."""

import numpy as np
import tensorflow as tf

from evopose2d.data import records
from evopose2d.data.coco import Person


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

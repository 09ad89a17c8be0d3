"""TFRecord files: a record holds an encoded image and its people, or one person and the part of an image around."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from evopose2d.config.schema import CropsConfig
from evopose2d.data.coco import Person
from evopose2d.data.surroundings import encode_part, keep, surroundings
from evopose2d.errors import DataError
from evopose2d.keypoints import KeypointSchema

_WHOLE = (0.0, 0.0, 1.0)
DCT_METHOD = "INTEGER_FAST"
"""How the dataset's JPEGs are decoded, as for the published networks: another method costs them AP."""


def encode(people: Sequence[Person], image: bytes, placement: Sequence[float] = _WHOLE) -> bytes:
    """Serialise the people of one encoded image (JPEG, PNG) to one record; equal input gives equal bytes.

    Args:
        people: at least one, all of the same image.
        image: the image, or the part of it that is kept.
        placement: x, y and scale of that part (``surroundings``); a whole image's is not written.
    """

    def numbers(values: Iterable[int]) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def floats(values: ArrayLike) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(values)))

    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "image_id": numbers([people[0].image_id]),
        "annotation_id": numbers(person.annotation_id for person in people),
        "box": floats([person.box for person in people]),
        "keypoints": floats([person.keypoints for person in people]),
        "score": floats([person.score for person in people]),
    }
    if tuple(placement) != _WHOLE:
        features["placement"] = floats(placement)
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def encode_surroundings(person: Person, image: bytes, crops: CropsConfig, schema: KeypointSchema) -> bytes:
    """Serialise a person and the part of an encoded image that crops of the person can show.

    Args:
        person: whose record it is.
        image: the whole image, JPEG or PNG.
        crops: what the part has to cover, and its JPEG quality.
        schema: the person's keypoints.
    """
    pixels = decode(image)
    part = surroundings(person.box, person.keypoints, pixels.shape, crops, schema)
    return encode([person], encode_part(keep(pixels, part), crops.quality), part.placement)


def parse(records: tf.Tensor, keypoint_count: int) -> dict[str, tf.Tensor]:
    """Parse one record that ``encode`` made, or many of one person each.

    Args:
        records: () string, of P people, or (P,) string, each of one person.
        keypoint_count: K.

    Returns:
        ``image``, encoded, of the shape of ``records``; and of the people: ``placement`` (P, 3) float32, x, y and scale
        of the part of the image that ``image`` is; ``image_id`` and ``annotation_id`` (P,) int64; ``box`` (P, 4)
        float32 and ``keypoints`` (P, K, 3) float32 in pixels of the whole image; ``score`` (P,) float32.
    """
    a_person = {
        "annotation_id": ([], tf.int64),
        "box": ([4], tf.float32),
        "keypoints": ([keypoint_count, 3], tf.float32),
        "score": ([], tf.float32),
    }
    an_image = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "placement": tf.io.FixedLenFeature([3], tf.float32, _WHOLE),
        "image_id": tf.io.FixedLenFeature([], tf.int64),
    }
    if records.shape.rank:
        each = {name: tf.io.FixedLenFeature(shape, kind) for name, (shape, kind) in a_person.items()}
        return tf.io.parse_example(records, an_image | each)
    several = {
        name: tf.io.FixedLenSequenceFeature(shape, kind, allow_missing=True) for name, (shape, kind) in a_person.items()
    }
    parsed = tf.io.parse_example(records, an_image | several)
    people = tf.size(parsed["annotation_id"])
    repeated = {name: tf.repeat(parsed[name][tf.newaxis], people, axis=0) for name in ("placement", "image_id")}
    return parsed | repeated


@contextlib.contextmanager
def told_if_damaged(folder: Path) -> Iterator[None]:
    """Have what reads the records of a folder tell of damage, which shows when the damaged one is read.

    Raises:
        DataError: a file breaks off within a record, or holds other bytes than were written.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # Below a function in Python it comes as an unknown error; the words are the same.
        damage = re.search(r"(truncated|corrupted) record at \d+", str(error.message))
        if damage is None:
            raise
        raise DataError(
            f"{folder}: a record file is cut short or damaged ({damage[0]}); write the records again with "
            "write-tfrecords"
        ) from None


def decode(encoded: bytes) -> NDArray[np.uint8]:
    """Decode a whole image, JPEG or PNG: (any height, any width, 3) uint8 RGB.

    Raises:
        tf.errors.InvalidArgumentError: it is corrupt, cut short or neither.
    """
    if tf.io.is_jpeg(encoded):
        return tf.io.decode_jpeg(encoded, channels=3, dct_method=DCT_METHOD).numpy()
    return tf.io.decode_png(encoded, channels=3).numpy()

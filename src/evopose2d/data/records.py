"""What a record holds: an encoded image and its people, or one person and the part of an image around.

Records are ``tf.train.Example`` messages, written and read here without TensorFlow, so that the processes that load
them start without it. The message types are those of TensorFlow's ``example.proto`` and ``feature.proto``.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from evopose2d.data.images import decode
from evopose2d.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from evopose2d.config.schema import CropsConfig
    from evopose2d.data.coco import Person
    from evopose2d.keypoints import KeypointSchema

WHOLE = (0.0, 0.0, 1.0)
"""Placement of a whole image: x, y and scale."""


def _message_class() -> Any:  # noqa: ANN401 - made at run time
    """Return the class of ``tf.train.Example`` in a pool of its own, beside TensorFlow's where that is loaded."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="evopose2d/example.proto", package="evopose2d", syntax="proto3")
    lists = {"BytesList": field.TYPE_BYTES, "FloatList": field.TYPE_FLOAT, "Int64List": field.TYPE_INT64}
    for name, kind in lists.items():
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=field.LABEL_REPEATED)
    one, message = field.LABEL_OPTIONAL, field.TYPE_MESSAGE
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), 1):
        type_name = f".evopose2d.{name.title().replace('_', '')}"
        feature.field.add(name=name, number=number, type=message, label=one, type_name=type_name, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=one)
    entry.field.add(name="value", number=2, type=message, label=one, type_name=".evopose2d.Feature")
    entry_type = ".evopose2d.Features.FeatureEntry"
    features.field.add(name="feature", number=1, type=message, label=field.LABEL_REPEATED, type_name=entry_type)
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, type=message, label=one, type_name=".evopose2d.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("evopose2d.Example"))


_EXAMPLE = _message_class()


@dataclass(frozen=True, eq=False)
class Record:
    """A parsed record of P people.

    Attributes:
        image: encoded; the whole image or the part of it that is kept.
        placement: (3,) float32 x, y and scale of that part (``crop_region``).
        image_id: of the image.
        annotation_id: (P,) int64.
        box: (P, 4) float32 x, y, width, height in pixels of the whole image.
        keypoints: (P, K, 3) float32 x, y in pixels of the whole image and visibility.
        score: (P,) float32 of the boxes.
    """

    image: bytes
    placement: NDArray[np.float32]
    image_id: int
    annotation_id: NDArray[np.int64]
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]


def encode(people: Sequence[Person], image: bytes, placement: Sequence[float] = WHOLE) -> bytes:
    """Serialise the people of one encoded image (JPEG, PNG) to one record; equal input gives equal bytes.

    Args:
        people: at least one, all of the same image.
        image: the image, or the part of it that is kept.
        placement: x, y and scale of that part (``crop_region``); a whole image's is not written.
    """
    example = _EXAMPLE()
    feature = example.features.feature

    def floats(name: str, values: ArrayLike) -> None:
        feature[name].float_list.value.extend(np.ravel(np.asarray(values)).tolist())

    feature["image"].bytes_list.value.append(image)
    feature["image_id"].int64_list.value.append(people[0].image_id)
    feature["annotation_id"].int64_list.value.extend([person.annotation_id for person in people])
    floats("box", [person.box for person in people])
    floats("keypoints", [person.keypoints for person in people])
    floats("score", [person.score for person in people])
    if tuple(placement) != WHOLE:
        floats("placement", placement)
    return example.SerializeToString(deterministic=True)


def encode_crop_region(person: Person, image: bytes, crops: CropsConfig, schema: KeypointSchema) -> bytes:
    """Serialise a person and the part of an encoded image that crops of the person can show.

    Args:
        person: whose record it is.
        image: the whole image, JPEG or PNG.
        crops: what the part has to cover, and its JPEG quality.
        schema: the person's keypoints.
    """
    from evopose2d.data.crop_region import crop_region, encode_part, keep

    pixels = decode(image)
    part = crop_region(person.box, person.keypoints, pixels.shape, crops, schema)
    return encode([person], encode_part(keep(pixels, part), crops.quality), part.placement)


def parse(record: bytes, keypoint_count: int) -> Record:
    """Parse a record that ``encode`` made.

    Args:
        record: the serialised message.
        keypoint_count: K.

    Raises:
        DataError: it is no such record.
    """
    try:
        feature = _EXAMPLE.FromString(record).features.feature
        people = feature["annotation_id"].int64_list.value
        placement = feature["placement"].float_list.value if "placement" in feature else WHOLE
        return Record(
            image=feature["image"].bytes_list.value[0],
            placement=np.array(placement, np.float32),
            image_id=feature["image_id"].int64_list.value[0],
            annotation_id=np.array(people, np.int64),
            box=np.array(feature["box"].float_list.value, np.float32).reshape(len(people), 4),
            keypoints=np.array(feature["keypoints"].float_list.value, np.float32).reshape(-1, keypoint_count, 3),
            score=np.array(feature["score"].float_list.value, np.float32),
        )
    except (DecodeError, IndexError, ValueError) as error:
        raise DataError(f"a record is not one that write-tfrecords wrote ({error})") from error


def people_in(record: bytes) -> int:
    """Return how many people a record has.

    Raises:
        DataError: it is no record of people.
    """
    try:
        return len(_EXAMPLE.FromString(record).features.feature["annotation_id"].int64_list.value)
    except DecodeError as error:
        raise DataError(f"a record is not one that write-tfrecords wrote ({error})") from error


@contextlib.contextmanager
def raise_if_corrupt() -> Iterator[None]:
    """Raise what is wrong with records as ``DataError`` where TensorFlow or Keras wrapped it.

    Raises:
        DataError: a record file breaks off within a record, or holds other bytes than were written.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        wrapped = re.search(r"DataError: ([^\n]+)", str(error))
        if wrapped is None:
            raise
        raise DataError(wrapped[1]) from None

"""TFRecord files: one record for each person, holding the encoded image that the person is in, or a part of it."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from evopose2d.config.schema import CropsConfig, DatasetConfig, RecordsConfig
from evopose2d.data import coco
from evopose2d.data.coco import CocoFile, ImageEntry, Person
from evopose2d.data.shards import RecordsInfo, remove_records, shard_path, write_info
from evopose2d.data.surroundings import LOSSLESS, encode_part, keep, surroundings
from evopose2d.errors import DataError
from evopose2d.files import replacing
from evopose2d.keypoints import KeypointSchema

_log = logging.getLogger(__name__)


_WHOLE = (0.0, 0.0, 1.0)
DCT_METHOD = "INTEGER_FAST"
"""How the dataset's JPEGs are decoded, as for the published networks: another method costs them AP."""


def encode(person: Person, image: bytes, placement: Sequence[float] = _WHOLE) -> bytes:
    """Serialise a person and an encoded image (JPEG, PNG) to one record; equal input gives equal bytes.

    Args:
        person: whose record it is.
        image: the image, or the part of it that is kept.
        placement: x, y and scale of that part (``surroundings``); a whole image's is not written.
    """
    feature = tf.train.Feature
    features = {
        "image": feature(bytes_list=tf.train.BytesList(value=[image])),
        "image_id": feature(int64_list=tf.train.Int64List(value=[person.image_id])),
        "annotation_id": feature(int64_list=tf.train.Int64List(value=[person.annotation_id])),
        "box": feature(float_list=tf.train.FloatList(value=person.box)),
        "keypoints": feature(float_list=tf.train.FloatList(value=person.keypoints.ravel())),
        "score": feature(float_list=tf.train.FloatList(value=[person.score])),
    }
    if tuple(placement) != _WHOLE:
        features["placement"] = feature(float_list=tf.train.FloatList(value=placement))
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
    return encode(person, encode_part(keep(pixels, part), crops.quality), part.placement)


def parse(records: tf.Tensor, keypoint_count: int) -> dict[str, tf.Tensor]:
    """Parse records that ``encode`` made, one or many.

    Args:
        records: (...) string; scalar or of one axis.
        keypoint_count: K.

    Returns:
        ``image`` (...) string, encoded; ``placement`` (..., 3) float32, x, y and scale of the part of the image that
        it is; ``image_id`` and ``annotation_id`` (...) int64; ``box`` (..., 4) float32 and ``keypoints`` (..., K, 3)
        float32 in pixels of the whole image; ``score`` (...) float32.
    """
    scalar: list[int] = []
    return tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature(scalar, tf.string),
            "placement": tf.io.FixedLenFeature([3], tf.float32, _WHOLE),
            "image_id": tf.io.FixedLenFeature(scalar, tf.int64),
            "annotation_id": tf.io.FixedLenFeature(scalar, tf.int64),
            "box": tf.io.FixedLenFeature([4], tf.float32),
            "keypoints": tf.io.FixedLenFeature([keypoint_count, 3], tf.float32),
            "score": tf.io.FixedLenFeature(scalar, tf.float32),
        },
    )


def decode(encoded: bytes) -> NDArray[np.uint8]:
    """Decode a whole image, JPEG or PNG: (any height, any width, 3) uint8 RGB.

    Raises:
        tf.errors.InvalidArgumentError: it is corrupt, cut short or neither.
    """
    if tf.io.is_jpeg(encoded):
        return tf.io.decode_jpeg(encoded, channels=3, dct_method=DCT_METHOD).numpy()
    return tf.io.decode_png(encoded, channels=3).numpy()


def write_records(
    people: Sequence[Person], images_dir: Path, folder: Path, config: RecordsConfig, schema: KeypointSchema
) -> RecordsInfo:
    """Write the records of some people, several files at a time, and ``info.json`` last.

    The bytes depend on the people, their order and the images alone. Whatever stops a run, each record file
    is whole or absent, and without ``info.json`` the folder counts as incomplete.

    Args:
        people: in the order of their records.
        images_dir: folder of the images.
        folder: where the records go; the records of an earlier run there are removed.
        config: ``write_tfrecords`` of ``params.yaml``.
        schema: the people's keypoints.

    Raises:
        DataError: an image is missing or corrupt and ``bad_images`` is ``error``, or nobody is left.
    """
    usable = _usable(people, images_dir, config, label=f"check {folder.name}")
    if not usable:
        raise DataError(f"{folder}: nobody to write, {len(people)} people given, all of them in bad images")
    remove_records(folder)
    crops = config.crops if config.content == "crops" else None
    size = config.people_per_shard
    shards = [usable[start : start + size] for start in range(0, len(usable), size)]
    with (
        ThreadPoolExecutor(_workers(config)) as pool,
        tqdm(total=len(usable), desc=f"write {folder.name}", unit="person", disable=None) as progress,
    ):
        paths = [shard_path(folder, index, len(shards)) for index in range(len(shards))]
        write = partial(_write_shard, images_dir=images_dir, crops=crops, schema=schema)
        for written in pool.map(write, paths, shards):
            progress.update(written)
    info = RecordsInfo(
        folder=folder,
        people=len(usable),
        images=len({person.image_id for person in usable}),
        skipped=len(people) - len(usable),
        shards=len(shards),
        schema=schema,
        crops=crops,
    )
    write_info(info)
    _log.info("%s: %d people in %d images, %d skipped", folder, info.people, info.images, info.skipped)
    return info


def write_all_records(dataset: DatasetConfig, config: RecordsConfig) -> dict[str, RecordsInfo]:
    """Write the records of every split that the dataset holds, below ``write_tfrecords.root``.

    ``train`` (shuffled once, by ``write_tfrecords.seed``) and ``val`` need their annotation files;
    ``val-detections`` and ``test-dev`` are written where there are detections for them. Where records hold crops, those
    of all splits but ``train`` are kept without room for augmentation and without loss: networks are judged as on whole
    images.

    Args:
        dataset: ``dataset`` of ``params.yaml``.
        config: ``write_tfrecords`` of ``params.yaml``.

    Returns:
        What was written, by split.

    Raises:
        DataError: an annotation, detection or image file cannot be used, or a split has no people.
        ConfigError: the dataset's flip pairs, sigmas or upper body do not fit its keypoints.
    """
    root, target = Path(dataset.root), Path(config.root)
    train = _read_split(root, "train")
    schema = coco.keypoint_schema(train, dataset)
    people = _annotated(train, schema, labelled_only=True)
    del train  # the whole of COCO takes more than a gigabyte
    order = np.random.default_rng(config.seed).permutation(len(people))
    people = [people[index] for index in order]
    written = {"train": write_records(people, root / "train2017", target / "train", config, schema)}
    judged = replace(config.crops, scale=0.0, rotation=0.0, half_body=False, quality=LOSSLESS)
    config = replace(config, crops=judged)

    val = _read_split(root, "val")
    if coco.keypoint_schema(val, dataset) != schema:
        raise DataError(f"{val.path}: keypoints or skeleton differ from those of the train split")
    people = _annotated(val, schema, labelled_only=False)
    written["val"] = write_records(people, root / "val2017", target / "val", config, schema)

    people = _detected(root, "val", val.images, schema, val.category["id"])
    written |= _write_detected(people, root / "val2017", target / "val-detections", config, schema)
    test_file = root / "annotations" / "image_info_test-dev2017.json"
    test_images = coco.read_coco(test_file).images if test_file.exists() else {}
    people = _detected(root, "test-dev", test_images, schema, val.category["id"])
    written |= _write_detected(people, root / "test2017", target / "test-dev", config, schema)
    return written


def _read_split(root: Path, split: str) -> CocoFile:
    return coco.read_coco(root / "annotations" / f"person_keypoints_{split}2017.json")


def _annotated(annotations: CocoFile, schema: KeypointSchema, *, labelled_only: bool) -> list[Person]:
    people = coco.annotated_people(annotations, schema.count, labelled_only=labelled_only)
    if not people:
        wanted = "people with a labelled keypoint" if labelled_only else "people with a positive area"
        raise DataError(f"{annotations.path}: holds no {wanted}, at least one is needed")
    return people


def _detected(
    root: Path, split: str, listed: Mapping[int, ImageEntry], schema: KeypointSchema, category_id: int
) -> list[Person]:
    path = root / "detections" / f"person_detections_{split}2017.json"
    if not (listed and path.exists()):
        return []
    return coco.detected_people(path, listed, schema.count, category_id)


def _write_detected(
    people: Sequence[Person], images_dir: Path, folder: Path, config: RecordsConfig, schema: KeypointSchema
) -> dict[str, RecordsInfo]:
    """Write records of detections; where there are none, remove those of an earlier run."""
    if not people:
        remove_records(folder)
        return {}
    return {folder.name: write_records(people, images_dir, folder, config, schema)}


def _complaint(path: Path) -> str | None:
    """Say why an image file cannot be used, None where it can. A JPEG is drawn to an eighth of its size."""
    try:
        encoded = path.read_bytes()
        if tf.io.is_jpeg(encoded):
            tf.io.decode_jpeg(encoded, channels=3, ratio=8)
        else:
            tf.io.decode_png(encoded, channels=3)
    except OSError as error:
        return f"{path}: image cannot be read: {error.strerror}"
    except tf.errors.InvalidArgumentError:
        return f"{path}: image is corrupt, cut short or neither JPEG nor PNG"
    return None


def _usable(people: Sequence[Person], images_dir: Path, config: RecordsConfig, label: str) -> list[Person]:
    """Return the people whose image can be decoded; the others are an error or skipped, as configured."""
    names = list(dict.fromkeys(person.file_name for person in people))
    with ThreadPoolExecutor(_workers(config)) as pool:
        found = pool.map(_complaint, (images_dir / name for name in names))
        bar = tqdm(found, total=len(names), desc=label, unit="image", disable=None)
        complaints = {name: complaint for name, complaint in zip(names, bar, strict=True) if complaint}
    bad = [person for person in people if person.file_name in complaints]
    for person in bad:
        message = f"{complaints[person.file_name]} (annotation {person.annotation_id})"
        if config.bad_images == "error":
            raise DataError(f"{message}; write_tfrecords.bad_images=skip leaves such people out")
        _log.warning("skipped: %s", message)
    return [person for person in people if person.file_name not in complaints]


def _write_shard(
    path: Path, people: Sequence[Person], images_dir: Path, crops: CropsConfig | None, schema: KeypointSchema
) -> int:
    with replacing(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
        for person in people:
            image = (images_dir / person.file_name).read_bytes()
            writer.write(encode(person, image) if crops is None else encode_surroundings(person, image, crops, schema))
    return len(people)


def _workers(config: RecordsConfig) -> int:
    return config.workers or os.cpu_count() or 1

"""TFRecord files: one record for each person, holding the encoded image that the person is in."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from evopose2d.config.schema import DatasetConfig, RecordsConfig
from evopose2d.data import coco
from evopose2d.data.coco import CocoFile, ImageEntry, Person
from evopose2d.data.shards import RecordsInfo, remove_records, shard_path, write_info
from evopose2d.errors import DataError
from evopose2d.files import replacing
from evopose2d.keypoints import KeypointSchema

_log = logging.getLogger(__name__)


def encode(person: Person, image: bytes) -> bytes:
    """Serialise a person and the encoded image (JPEG, PNG) to one record; equal input gives equal bytes."""
    feature = tf.train.Feature
    features = {
        "image": feature(bytes_list=tf.train.BytesList(value=[image])),
        "image_id": feature(int64_list=tf.train.Int64List(value=[person.image_id])),
        "annotation_id": feature(int64_list=tf.train.Int64List(value=[person.annotation_id])),
        "box": feature(float_list=tf.train.FloatList(value=person.box)),
        "keypoints": feature(float_list=tf.train.FloatList(value=person.keypoints.ravel())),
        "score": feature(float_list=tf.train.FloatList(value=[person.score])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def parse(record: tf.Tensor, keypoint_count: int) -> dict[str, tf.Tensor]:
    """Parse a record that ``encode`` made.

    Args:
        record: scalar string.
        keypoint_count: K.

    Returns:
        ``image`` scalar string (encoded), ``image_id`` and ``annotation_id`` scalar int64, ``box`` (4,)
        float32 and ``keypoints`` (K, 3) float32 in image pixels, ``score`` scalar float32.
    """
    scalar: list[int] = []
    return tf.io.parse_single_example(
        record,
        {
            "image": tf.io.FixedLenFeature(scalar, tf.string),
            "image_id": tf.io.FixedLenFeature(scalar, tf.int64),
            "annotation_id": tf.io.FixedLenFeature(scalar, tf.int64),
            "box": tf.io.FixedLenFeature([4], tf.float32),
            "keypoints": tf.io.FixedLenFeature([keypoint_count, 3], tf.float32),
            "score": tf.io.FixedLenFeature(scalar, tf.float32),
        },
    )


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
    size = config.people_per_shard
    shards = [usable[start : start + size] for start in range(0, len(usable), size)]
    with (
        ThreadPoolExecutor(_workers(config)) as pool,
        tqdm(total=len(usable), desc=f"write {folder.name}", unit="person", disable=None) as progress,
    ):
        paths = [shard_path(folder, index, len(shards)) for index in range(len(shards))]
        for written in pool.map(partial(_write_shard, images_dir=images_dir), paths, shards):
            progress.update(written)
    info = RecordsInfo(
        folder=folder,
        people=len(usable),
        images=len({person.image_id for person in usable}),
        skipped=len(people) - len(usable),
        shards=len(shards),
        schema=schema,
    )
    write_info(info)
    _log.info("%s: %d people in %d images, %d skipped", folder, info.people, info.images, info.skipped)
    return info


def write_all_records(dataset: DatasetConfig, config: RecordsConfig) -> dict[str, RecordsInfo]:
    """Write the records of every split that the dataset holds, below ``write_tfrecords.root``.

    ``train`` (shuffled once, by ``write_tfrecords.seed``) and ``val`` need their annotation files;
    ``val-detections`` and ``test-dev`` are written where there are detections for them.

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


def _write_shard(path: Path, people: Sequence[Person], images_dir: Path) -> int:
    with replacing(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
        for person in people:
            writer.write(encode(person, (images_dir / person.file_name).read_bytes()))
    return len(people)


def _workers(config: RecordsConfig) -> int:
    return config.workers or os.cpu_count() or 1

"""The record files of a dataset's splits: who is left out, what shares a record, which file it goes to."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from evopose2d.config.schema import CropsConfig, DatasetConfig, RecordsConfig
from evopose2d.data import coco
from evopose2d.data.coco import CocoFile, ImageEntry, Person
from evopose2d.data.records import encode, encode_surroundings
from evopose2d.data.shards import RecordsInfo, remove_records, shard_path, write_info
from evopose2d.data.surroundings import LOSSLESS
from evopose2d.errors import DataError
from evopose2d.files import replacing
from evopose2d.keypoints import KeypointSchema

_log = logging.getLogger(__name__)


def write_records(
    people: Sequence[Person], images_dir: Path, folder: Path, config: RecordsConfig, schema: KeypointSchema
) -> RecordsInfo:
    """Write the records of some people, several files at a time, and ``info.json`` last.

    Whole images are written once for all of their people; crops have a record for each person. The bytes depend on the
    people, their order and the images alone. Whatever stops a run, each record file is whole or absent, and without
    ``info.json`` the folder counts as incomplete.

    Args:
        people: in the order of their records; people of an image follow its first.
        images_dir: folder of the images.
        folder: where the records go; the records of an earlier run there are removed.
        config: ``write_tfrecords`` of ``params.yaml``.
        schema: the people's keypoints.

    Raises:
        DataError: an image is missing, corrupt or not of its size and ``bad_images`` is ``error``, or nobody is left.
    """
    usable = _usable(people, images_dir, config, label=f"check {folder.name}")
    if not usable:
        raise DataError(f"{folder}: nobody to write, {len(people)} people given, all of them in bad images")
    remove_records(folder)
    crops = config.crops if config.content == "crops" else None
    shards = _shards(_by_record(usable, config), config.people_per_shard)
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

    ``train`` (its records shuffled once, by ``write_tfrecords.seed``) and ``val`` need their annotation files;
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
    in_record = _by_record(people, config)
    order = np.random.default_rng(config.seed).permutation(len(in_record))
    people = [person for index in order for person in in_record[index]]
    written = {"train": write_records(people, root / "train2017", target / "train", config, schema)}
    judged = replace(config.crops, scale=0.0, rotation=0.0, half_body=False, quality=LOSSLESS)
    config = replace(config, crops=judged)

    val = _read_split(root, "val")
    if coco.keypoint_schema(val, dataset) != schema:
        raise DataError(f"{val.path}: keypoints or skeleton differ from those of the train split")
    people = _in_image_order(_annotated(val, schema, labelled_only=False))
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
    return _in_image_order(coco.detected_people(path, listed, schema.count, category_id))


def _write_detected(
    people: Sequence[Person], images_dir: Path, folder: Path, config: RecordsConfig, schema: KeypointSchema
) -> dict[str, RecordsInfo]:
    """Write records of detections; where there are none, remove those of an earlier run."""
    if not people:
        remove_records(folder)
        return {}
    return {folder.name: write_records(people, images_dir, folder, config, schema)}


def _complaint(path: Path, size: tuple[float, float] | None) -> str | None:
    """Say why an image file cannot be used, None where it can. A JPEG is drawn to an eighth of its size."""
    try:
        encoded = path.read_bytes()
        if tf.io.is_jpeg(encoded):
            tf.io.decode_jpeg(encoded, channels=3, ratio=8)
            height, width, _ = tf.image.extract_jpeg_shape(encoded).numpy()
        else:
            height, width, _ = tf.io.decode_png(encoded, channels=3).shape
    except OSError as error:
        return f"{path}: image cannot be read: {error.strerror}"
    except tf.errors.InvalidArgumentError:
        return f"{path}: image is corrupt, cut short or neither JPEG nor PNG"
    if size is not None and size != (width, height):
        turned = " (stored turned, as cameras do: its pixels must be upright)" if size == (height, width) else ""
        return f"{path}: image is {width} x {height} pixels{turned}, its annotation file says {size[0]:g} x {size[1]:g}"
    return None


def _usable(people: Sequence[Person], images_dir: Path, config: RecordsConfig, label: str) -> list[Person]:
    """Return the people whose image can be decoded and has its size; others are an error or skipped, as configured."""
    sizes = {person.file_name: person.image_size for person in people}
    with ThreadPoolExecutor(_workers(config)) as pool:
        found = pool.map(_complaint, (images_dir / name for name in sizes), sizes.values())
        bar = tqdm(found, total=len(sizes), desc=label, unit="image", disable=None)
        complaints = {name: complaint for name, complaint in zip(sizes, bar, strict=True) if complaint}
    bad = [person for person in people if person.file_name in complaints]
    for person in bad:
        message = f"{complaints[person.file_name]} (annotation {person.annotation_id})"
        if config.bad_images == "error":
            raise DataError(f"{message}; write_tfrecords.bad_images=skip leaves such people out")
        _log.warning("skipped: %s", message)
    return [person for person in people if person.file_name not in complaints]


def _by_image(people: Sequence[Person]) -> list[list[Person]]:
    of_image: dict[int, list[Person]] = {}
    for person in people:
        of_image.setdefault(person.image_id, []).append(person)
    return list(of_image.values())


def _in_image_order(people: Sequence[Person]) -> list[Person]:
    """Put people of an image together, so that records of images and of crops judge everybody in the same order."""
    return [person for of_image in _by_image(people) for person in of_image]


def _by_record(people: Sequence[Person], config: RecordsConfig) -> list[list[Person]]:
    """Put people together that share a record: those of an image where records hold images."""
    return [[person] for person in people] if config.content == "crops" else _by_image(people)


def _shards(in_record: Sequence[list[Person]], size: int) -> list[list[list[Person]]]:
    """Divide records over files of so many people; the last image of a file may bring in a few more."""
    counts = [len(people) for people in in_record]
    shard_of = (np.cumsum([0, *counts[:-1]]) // size).tolist()
    numbered = groupby(zip(shard_of, in_record, strict=True), key=lambda pair: pair[0])
    return [[people for _, people in pairs] for _, pairs in numbered]


def _write_shard(
    path: Path, in_record: Sequence[list[Person]], images_dir: Path, crops: CropsConfig | None, schema: KeypointSchema
) -> int:
    with replacing(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
        for people in in_record:
            image = (images_dir / people[0].file_name).read_bytes()
            if crops is None:
                writer.write(encode(people, image))
            else:
                writer.write(encode_surroundings(people[0], image, crops, schema))
    return sum(map(len, in_record))


def _workers(config: RecordsConfig) -> int:
    return config.workers or os.cpu_count() or 1

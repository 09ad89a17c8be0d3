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
from PIL import UnidentifiedImageError

from evopose2d.config.schema import CropsConfig, DatasetConfig, RecordsConfig
from evopose2d.data import coco
from evopose2d.data.coco import CocoFile, ImageEntry, Person
from evopose2d.data.coco.detections import of_category
from evopose2d.data.coco.mirroring import tell_mirror_pairs
from evopose2d.data.crop_region import LOSSLESS
from evopose2d.data.download.layout import OFFICIAL, TEST_DEV, TRAIN, VAL
from evopose2d.data.image_files import for_records
from evopose2d.data.images import decoded_size
from evopose2d.data.record_index import framed
from evopose2d.data.records import encode, encode_crop_region
from evopose2d.data.shards import RecordsInfo, remove_records, shard_path, write_info
from evopose2d.errors import DataError
from evopose2d.files import replacing
from evopose2d.keypoints import KeypointSchema
from evopose2d.progress import progress_bar

_log = logging.getLogger(__name__)


def write_records(
    people: Sequence[Person],
    images_dir: Path,
    folder: Path,
    config: RecordsConfig,
    schema: KeypointSchema,
    *,
    as_stored: bool = False,
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
        as_stored: take no notice of how cameras were held, as all do with COCO's own images; else photographs that are
            not upright are turned, unless the annotation file gives them the size of the pixels as stored.

    Raises:
        DataError: an image is missing, corrupt or not of its size and ``bad_images`` is ``error``, or nobody is left.
    """
    usable, changed = _usable(people, images_dir, config, as_stored=as_stored, label=f"check {folder.name}")
    if not usable:
        raise DataError(f"{folder}: nobody to write, {len(people)} people given, all of them in bad images")
    if _anybody_labelled(people) and not _anybody_labelled(usable):
        raise DataError(f"{folder}: nobody with a labelled keypoint is left, all of them are in bad images")
    remove_records(folder)
    crops = config.crops if config.content == "crops" else None
    shards = _shards(_by_record(usable, config), config.people_per_shard)
    with (
        ThreadPoolExecutor(_workers(config)) as pool,
        progress_bar(f"write {folder.name}", len(usable), unit="label") as progress,
    ):
        paths = [shard_path(folder, index, len(shards)) for index in range(len(shards))]
        write = partial(_write_shard, images_dir=images_dir, crops=crops, schema=schema, as_stored=as_stored)
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
    if changed:
        _log.info("%s: %d images turned upright, or from other formats than JPEG and PNG", folder, changed)
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
    train, val = (_read_split(root, split) for split in ("train", "val"))
    schema = coco.keypoint_schema(train, dataset)
    _check_splits(train, val, schema, coco.keypoint_schema(val, dataset))
    tell_mirror_pairs(schema, dataset)
    write = partial(write_records, schema=schema, as_stored=dataset.source == OFFICIAL)
    people = coco.annotated_people(train, labelled_only=True)
    del train
    in_record = _by_record(people, config)
    order = np.random.default_rng(config.seed).permutation(len(in_record))
    people = [person for index in order for person in in_record[index]]
    written = {"train": write(people, root / TRAIN.images, target / "train", config)}
    judged = replace(config.crops, scale=0.0, rotation=0.0, half_body=False, quality=LOSSLESS)
    config = replace(config, crops=judged)

    people = _in_image_order(coco.annotated_people(val, labelled_only=False))
    written["val"] = write(people, root / VAL.images, target / "val", config)
    test_file = root / TEST_DEV.annotations
    test_images = coco.read_images(test_file).by_id if test_file.exists() else {}
    for split, images, name in ((VAL, val.images, "val-detections"), (TEST_DEV, test_images, "test-dev")):
        people = _detected(root / split.detections, images, schema, int(val.category["id"]))
        if people:
            written[name] = write(people, root / split.images, target / name, config)
        else:
            remove_records(target / name)
    return written


def _read_split(root: Path, split: str) -> CocoFile:
    annotations = coco.read_coco(root / "annotations" / f"person_keypoints_{split}2017.json")
    for line in annotations.findings.lines():
        _log.warning("%s", line)
    return annotations


def _check_splits(train: CocoFile, val: CocoFile, schema: KeypointSchema, val_schema: KeypointSchema) -> None:
    """Refuse splits that cannot be trained on and judged by.

    Raises:
        DataError: keypoints of the splits differ, or one has nobody with a labelled keypoint.
    """
    if val_schema.names != schema.names:
        raise DataError(
            f"{val.path}: keypoints {list(val_schema.names)} must be those of the train split: {list(schema.names)}"
        )
    for annotations in (train, val):
        if not annotations.labelled:
            left_out = "; ".join(f"{count} left out: {why}" for why, count in annotations.findings.left_out.items())
            raise DataError(
                f"{annotations.path}: holds no people with a labelled keypoint, at least one is needed to train and to "
                f"validate{f' ({left_out})' if left_out else ''}"
            )


def _detected(path: Path, listed: Mapping[int, ImageEntry], schema: KeypointSchema, category_id: int) -> list[Person]:
    if not (listed and path.exists()):
        return []
    detections, line = of_category(coco.read_detections(path), category_id, path)
    if line is not None:
        _log.warning("%s", line)
    return _in_image_order(coco.detected_people(detections, listed, schema.count))


def _inspected(path: Path, size: tuple[float, float] | None, *, as_stored: bool) -> tuple[str | None, bool]:
    """Return why an image file cannot be used, None where it can, and whether records hold another file in its place.

    A JPEG is decoded to an eighth of its size.
    """
    try:
        original = path.read_bytes()
        encoded = for_records(original, size, as_stored=as_stored)
        height, width = decoded_size(encoded)
    except (UnidentifiedImageError, DataError):
        return f"{path}: image is corrupt, cut short or in no known format", False
    except OSError as error:
        return f"{path}: image cannot be read: {error.strerror or error}", False
    if size is not None and size != (width, height):
        turned = " (its sides exchanged)" if size == (height, width) else ""
        told = f"{path}: image is {width} x {height} pixels{turned}, its annotation file says {size[0]:g} x {size[1]:g}"
        return told, False
    return None, encoded is not original


def _usable(
    people: Sequence[Person], images_dir: Path, config: RecordsConfig, *, as_stored: bool, label: str
) -> tuple[list[Person], int]:
    """Return the people whose image can be decoded and has its size, and how many images have to be encoded again.

    Others are an error or skipped, as configured.
    """
    sizes = {person.file_name: person.image_size for person in people}
    inspect = partial(_inspected, as_stored=as_stored)
    with ThreadPoolExecutor(_workers(config)) as pool:
        found = pool.map(inspect, (images_dir / name for name in sizes), sizes.values())
        inspected = {}
        with progress_bar(label, len(sizes), unit="image") as progress:
            for name, result in zip(sizes, found, strict=True):
                inspected[name] = result
                progress.update()
    complaints = {name: complaint for name, (complaint, _) in inspected.items() if complaint}
    bad = [person for person in people if person.file_name in complaints]
    for person in bad:
        message = f"{complaints[person.file_name]} (annotation {person.annotation_id})"
        if config.bad_images == "error":
            raise DataError(f"{message}; write_tfrecords.bad_images=skip leaves such people out")
        _log.warning("skipped: %s", message)
    usable = [person for person in people if person.file_name not in complaints]
    return usable, sum(changed for _, changed in inspected.values())


def _anybody_labelled(people: Sequence[Person]) -> bool:
    return any(person.keypoints[:, 2].any() for person in people)


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
    path: Path,
    in_record: Sequence[list[Person]],
    images_dir: Path,
    crops: CropsConfig | None,
    schema: KeypointSchema,
    *,
    as_stored: bool,
) -> int:
    with replacing(path) as temporary, temporary.open("wb") as file:
        for people in in_record:
            original = (images_dir / people[0].file_name).read_bytes()
            image = for_records(original, people[0].image_size, as_stored=as_stored)
            if crops is None:
                file.write(framed(encode(people, image)))
            else:
                file.write(framed(encode_crop_region(people[0], image, crops, schema)))
    return sum(map(len, in_record))


def _workers(config: RecordsConfig) -> int:
    return config.workers or os.cpu_count() or 1

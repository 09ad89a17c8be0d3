"""Records of whole images written again: with crops, or with each person's image for that person alone."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import tensorflow as tf

from evopose2d.config.schema import CropsConfig
from evopose2d.data.coco import Person
from evopose2d.data.records import encode, encode_surroundings, parse
from evopose2d.data.shards import RecordsInfo, write_info
from evopose2d.errors import DataError


def rewritten(records: RecordsInfo, folder: Path, crops: CropsConfig | None) -> RecordsInfo:
    """Write the people of some records again, in files of the same number and order, a record for each person.

    Args:
        records: with whole images.
        folder: to write to.
        crops: what the records are to cover; None: the whole image, as the original's records hold it.

    Raises:
        DataError: the records hold crops already.
    """
    if records.crops is not None:
        raise DataError(f"{records.folder}: holds crops, must hold whole images (write_tfrecords.content=images)")
    folder.mkdir(parents=True)
    written = replace(records, folder=folder, crops=crops)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(_rewrite, crops, records), records.files, written.files))
    write_info(written)
    return written


def kilobytes(records: RecordsInfo) -> float:
    """Return the size on disk of the records, for each person, in units of 1000 bytes."""
    return sum(file.stat().st_size for file in records.files) / records.people / 1e3


def _rewrite(crops: CropsConfig | None, records: RecordsInfo, source: Path, target: Path) -> None:
    with tf.io.TFRecordWriter(str(target)) as writer:
        for person, image in _people(source, records.schema.count):
            if crops is None:
                writer.write(encode([person], image))
            else:
                writer.write(encode_surroundings(person, image, crops, records.schema))


def _people(file: Path, keypoint_count: int) -> Iterator[tuple[Person, bytes]]:
    for record in tf.data.TFRecordDataset(str(file)):
        values = {name: value.numpy() for name, value in parse(record, keypoint_count).items()}
        for index in range(len(values["score"])):
            person = Person(
                image_id=int(values["image_id"][index]),
                annotation_id=int(values["annotation_id"][index]),
                file_name="",
                box=values["box"][index],
                keypoints=values["keypoints"][index],
                score=float(values["score"][index]),
                area=0.0,
            )
            yield person, values["image"]

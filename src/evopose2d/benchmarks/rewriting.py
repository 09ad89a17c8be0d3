"""Records of whole images written again: with crops, or with each person's image for that person alone."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from evopose2d.config.schema import CropsConfig
from evopose2d.data.coco import Person
from evopose2d.data.record_index import RecordIndex, RecordReader, framed, index_files
from evopose2d.data.records import encode, encode_crop_region, parse
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
        index = index_files(records.files, records.people)
        list(pool.map(partial(_rewrite, crops, records, index), range(records.shards), written.files))
    write_info(written)
    return written


def kilobytes(records: RecordsInfo) -> float:
    """Return the size on disk of the records, for each person, in units of 1000 bytes."""
    return sum(file.stat().st_size for file in records.files) / records.people / 1e3


def _rewrite(crops: CropsConfig | None, records: RecordsInfo, index: RecordIndex, shard: int, target: Path) -> None:
    with target.open("wb") as file:
        for person, image in _people(records, index, shard):
            if crops is None:
                file.write(framed(encode([person], image)))
            else:
                file.write(framed(encode_crop_region(person, image, crops, records.schema)))


def _people(records: RecordsInfo, index: RecordIndex, shard: int) -> Iterator[tuple[Person, bytes]]:
    reader = RecordReader(index)
    for number in np.flatnonzero(index.shards == shard).tolist():
        record = parse(reader.read(number), records.schema.count)
        for place, annotation_id in enumerate(record.annotation_id.tolist()):
            person = Person(
                image_id=record.image_id,
                annotation_id=annotation_id,
                file_name="",
                box=record.box[place],
                keypoints=record.keypoints[place],
                score=float(record.score[place]),
                area=0.0,
            )
            yield person, record.image

"""Records are found and read one by one, and damage is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from evopose2d.data.coco import Person
from evopose2d.data.record_index import RecordIndex, RecordReader, index_files
from evopose2d.data.records import encode
from evopose2d.errors import DataError

COUNTS = (1, 3, 200, 2)  # the ids of 200 are longer than what is read of a record at first


def records() -> list[bytes]:
    keypoints, box = np.ones((5, 3), np.float32), np.ones(4, np.float32)
    someone = Person(1, 0, "a.jpg", box, keypoints, 1.0, 1.0)
    return [
        encode([replace(someone, annotation_id=7 ** (number % 20)) for number in range(count)], b"image" * count)
        for count in COUNTS
    ]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"]
    for path, contents in zip(paths, (records()[:3], records()[3:]), strict=True):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for content in contents:
                writer.write(content)
    return paths


def test_records_are_found_and_read_as_they_were_written(files):
    index = index_files(files, sum(COUNTS))
    assert index.shards.tolist() == [0, 0, 0, 1]
    assert index.counts.tolist() == list(COUNTS)
    assert index.first_people.tolist() == [0, 1, 4, 204]
    assert np.bincount(index.records).tolist() == list(COUNTS)
    again = RecordIndex.of_arrays(list(index.files), index.arrays)
    for number in (3, 0, 2, 1):
        assert RecordReader(again).read(number) == records()[number]


def test_other_people_than_were_written_are_told(files):
    with pytest.raises(DataError, match=f"^{files[0].parent}: the record files hold 206 people, info.json says 205;"):
        index_files(files, 205)


@pytest.mark.parametrize("length", [-1, -30, 5])
def test_a_file_that_is_cut_short_is_told(files, length):
    files[1].write_bytes(files[1].read_bytes()[:length])
    with pytest.raises(
        DataError, match=rf"^{files[0].parent}: a record file is cut short .*b.tfrecord: truncated .* 0\)"
    ):
        index_files(files, sum(COUNTS))


def test_changed_bytes_are_told_when_they_are_read(files):
    index = index_files(files, sum(COUNTS))
    for position, found in ((index.offsets[1] + 80, False), (index.offsets[1] - 10, True)):
        content = bytearray(files[0].read_bytes())
        whole = bytes(content)
        content[position] ^= 1
        files[0].write_bytes(content)
        with pytest.raises(DataError, match=r"corrupted record at \d+\); write the records again"):
            index_files(files, sum(COUNTS)) if found else RecordReader(index).read(1)
        assert RecordReader(index).read(0) == records()[0]
        files[0].write_bytes(whole)

"""Where each record of a folder begins, and how many people it holds: records can be read in any order."""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from evopose2d.data.records import people_in
from evopose2d.errors import DataError

_HEADER = struct.Struct("<QI")  # length, checksum of the length; the content's checksum follows it
_CHECKSUM = struct.Struct("<I")
_READ_AHEAD = 512  # bytes of a record in which the ids of most images' people end
_FIRST_KEY = b"\x0a\x0dannotation_id\x12"  # keys are sorted

_ARRAYS = ("shards", "offsets", "lengths", "counts")


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """The R records of some files, with N people, in the order of the files.

    Attributes:
        files: the record files.
        shards: (R,) int64 number of a record's file.
        offsets: (R,) int64 bytes before its content.
        lengths: (R,) int64 bytes of its content.
        counts: (R,) int64 people in it.
    """

    files: tuple[str, ...]
    shards: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    counts: NDArray[np.int64]

    @cached_property
    def first_people(self) -> NDArray[np.int64]:
        """(R,) number of each record's first person."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def records(self) -> NDArray[np.int64]:
        """(N,) record of each person."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """All but the files' names."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of_arrays(cls, files: list[str], arrays: Mapping[str, NDArray[np.int64]]) -> "RecordIndex":
        """Return the index of what ``arrays`` gave."""
        return cls(tuple(files), **{name: arrays[name] for name in _ARRAYS})


class RecordReader:
    """Reads single records, held against their checksums."""

    def __init__(self, index: RecordIndex) -> None:
        self._index = index
        self._open: dict[int, int] = {}

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def read(self, record: int) -> bytes:
        """Return the content of a record.

        Raises:
            DataError: its file is cut short, or holds other bytes than were written.
        """
        index = self._index
        shard, offset, length = int(index.shards[record]), int(index.offsets[record]), int(index.lengths[record])
        if shard not in self._open:
            self._open[shard] = os.open(index.files[shard], os.O_RDONLY)
        content = os.pread(self._open[shard], length + _CHECKSUM.size, offset)
        _check(content, index.files[shard], offset - _HEADER.size, length)
        return content[:length]


def index_files(files: list[Path], people: int) -> RecordIndex:
    """Find the records of some files; of each, little more than its beginning is read.

    Args:
        files: the record files in order.
        people: N, all of their people.

    Raises:
        DataError: a file is cut short or damaged, or they hold other than N people.
    """
    rows = np.array([(shard, *row) for shard, file in enumerate(files) for row in _scan(file)], np.int64).reshape(-1, 4)
    shards, offsets, lengths, counts = np.ascontiguousarray(rows.T)
    if counts.sum() != people:
        raise DataError(
            f"{files[0].parent}: the record files hold {counts.sum()} people, info.json says {people}; "
            "write the records again with write-tfrecords"
        )
    return RecordIndex(tuple(map(str, files)), shards, offsets, lengths, counts)


def _scan(file: Path) -> list[tuple[int, int, int]]:
    """Return content's offset, length and number of people of each record of a file."""
    rows = []
    with file.open("rb", buffering=0) as opened:
        descriptor, position, size = opened.fileno(), 0, os.fstat(opened.fileno()).st_size
        while position < size:
            start = os.pread(descriptor, _HEADER.size + _READ_AHEAD, position)
            if len(start) < _HEADER.size:
                raise _damage(file, "truncated", position)
            length, checksum = _HEADER.unpack_from(start)
            if _masked(start[:8]) != checksum:
                raise _damage(file, "corrupted", position)
            offset = position + _HEADER.size
            if offset + length + _CHECKSUM.size > size:
                raise _damage(file, "truncated", position)
            count = _count_people(start[_HEADER.size :])
            if count is None:
                content = os.pread(descriptor, length + _CHECKSUM.size, offset)
                _check(content, file, position, length)
                count = people_in(content[:length])
            rows.append((offset, length, count))
            position = offset + length + _CHECKSUM.size
    return rows


def _count_people(start: bytes) -> int | None:
    """Count the ids that a record begins with; None where they do not end in what is given, or it begins otherwise."""
    key = start.find(_FIRST_KEY, 0, 32)
    if key < 0:
        return None
    position = key + len(_FIRST_KEY)
    try:
        for expected in (None, 0x1A, 0x0A):  # lengths of the feature, of its list of integers, of their bytes
            if expected is not None:
                if start[position] != expected:
                    return None
                position += 1
            length, position = _varint(start, position)
    except IndexError:
        return None
    numbers = start[position : position + length]
    # The last byte of each number has no highest bit.
    return sum(byte < 0x80 for byte in numbers) if len(numbers) == length else None


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def framed(record: bytes) -> bytes:
    """Return a record as TFRecord files hold it: with its length before it, and the checksums of both."""
    length = _HEADER.pack(len(record), 0)[: -_CHECKSUM.size]
    return b"".join((length, _CHECKSUM.pack(_masked(length)), record, _CHECKSUM.pack(_masked(record))))


def _masked(content: bytes) -> int:
    """Return the checksum of TFRecord files: CRC-32C, rotated and shifted by a constant."""
    checksum = google_crc32c.value(content)
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _check(content: bytes, file: str | Path, position: int, length: int) -> None:
    if len(content) < length + _CHECKSUM.size:
        raise _damage(file, "truncated", position)
    if _masked(content[:length]) != _CHECKSUM.unpack_from(content, length)[0]:
        raise _damage(file, "corrupted", position)


def _damage(file: str | Path, damage: str, position: int) -> DataError:
    return DataError(
        f"{Path(file).parent}: a record file is cut short or damaged ({Path(file).name}: {damage} record at "
        f"{position}); write the records again with write-tfrecords"
    )

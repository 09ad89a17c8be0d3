"""Batches in memory that several processes write to, each batch in a slot of its own."""

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.cropping import Fields

_PAGE = 4096


def shared_file() -> int:
    """Open a file without a name that lies in memory where the system has such files; returns its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("evopose2d-batches")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Ring:
    """Room for batches, of which only what is written to takes memory.

    Args:
        fields: shape and dtype of each value of a person, by name.
        batch_size: people in a batch, B.
        slots: S, how many batches it has room for.
        file: where they lie, the same for all processes; None: in this process.

    Attributes:
        arrays: (S * B, *shape) by name.
        slot_of: (S,) int64; the slot of batch ``n`` is ``slot_of[n % S]``.
    """

    def __init__(self, fields: Fields, batch_size: int, slots: int, file: int | None = None) -> None:
        self.batch_size, self.slots = batch_size, slots
        shapes = {name: ((slots * batch_size, *shape), np.dtype(kind)) for name, (shape, kind) in fields.items()}
        shapes[""] = ((slots,), np.dtype(np.int64))
        ends = np.cumsum([-(-int(np.prod(shape)) * kind.itemsize // _PAGE) * _PAGE for shape, kind in shapes.values()])
        if file is not None:
            os.ftruncate(file, int(ends[-1]))
        memory = mmap.mmap(-1 if file is None else file, int(ends[-1]))
        starts = [0, *ends[:-1].tolist()]
        arrays = {
            name: np.ndarray(shape, kind, memory, start)
            for (name, (shape, kind)), start in zip(shapes.items(), starts, strict=True)
        }
        self.slot_of: NDArray[np.int64] = arrays.pop("")
        self.arrays = arrays

    def rows(self, first_batch: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows (P,) of the arrays for places (P,) that are counted from a batch on."""
        batches = first_batch + places // self.batch_size
        return self.slot_of[batches % self.slots] * self.batch_size + places % self.batch_size

    def batch(self, number: int) -> dict[str, NDArray[Any]]:
        """Return the arrays (B, *shape) of a batch, by name."""
        start = int(self.slot_of[number % self.slots]) * self.batch_size
        return {name: array[start : start + self.batch_size] for name, array in self.arrays.items()}

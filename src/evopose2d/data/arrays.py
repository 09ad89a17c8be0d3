"""Arrays in memory as others want it: aligned for TensorFlow, or in a file."""

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64  # bytes; TensorFlow takes arrays that begin at a multiple of it without copying them


def aligned(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array of uint8, not set to anything, that TensorFlow can take without copying it."""
    size = int(np.prod(shape))
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].reshape(shape)


def in_file(shape: tuple[int, ...], folder: Path | None = None) -> NDArray[np.uint8]:
    """Return an array of uint8 that lies in a file without a name, gone with the array or with the process.

    Args:
        shape: of the array.
        folder: where the file lies; None: where the system keeps temporary files.

    Raises:
        OSError: the disk does not take it.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        # A hole in a file on a full disk would kill the process that writes to it.
        os.posix_fallocate(file.fileno(), 0, int(np.prod(shape)))
        return np.memmap(file, np.uint8, "w+", shape=shape)

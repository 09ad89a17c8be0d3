"""Folders for temporary files, removed with what made them, or by the next of the same search."""

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

_WORKER = "evopose2d-worker"
_LONGEST = 40  # characters of a folder in which Ray's sockets have room: the system takes paths of 107
_INDIVIDUAL = "individual"


def search_key(root: Path) -> str:
    """Return eight hexadecimal digits that tell searches apart on this machine: those of the folder's path."""
    return hashlib.sha256(str(root.absolute()).encode()).hexdigest()[:8]


@contextlib.contextmanager
def driver_scratch(root: Path) -> Iterator[Path]:
    """Make a folder for the temporary files of a search's processes on this machine, and remove it afterwards.

    What killed drivers of the same search left is removed first, so the search's lock must be held.

    Args:
        root: the search directory.

    Yields:
        The folder; its path is short enough for sockets.

    Raises:
        OSError: the disk does not take it.
    """
    base = Path(tempfile.gettempdir())
    base = base if len(str(base)) <= _LONGEST or not Path("/tmp").is_dir() else Path("/tmp")
    prefix = f"evo-{search_key(root)}-"
    for left in base.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def enter_worker_scratch(base: Path | None, search: str, number: int) -> Path:
    """Give this worker process a folder of its own for temporary files, which ends with it.

    Folders of workers of the same search that were killed on this machine are removed.

    Args:
        base: where the folder is made; None for the system's place for temporary files.
        search: key of the search.
        number: the individual that is trained now, noted in the folder so that ``worker_of`` finds the process.
    """
    folder = Path(tempfile.gettempdir())
    if folder.name != f"{_WORKER}-{search}-{os.getpid()}":
        around = base or folder
        for left in around.glob(f"{_WORKER}-{search}-*"):
            if not psutil.pid_exists(_pid(left)):
                shutil.rmtree(left, ignore_errors=True)
        folder = around / f"{_WORKER}-{search}-{os.getpid()}"
        folder.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # looked for anew
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / _INDIVIDUAL).write_text(str(number), encoding="utf-8")
    return folder


def worker_of(base: Path | None, search: str, number: int) -> int | None:
    """Return the process on this machine that trains an individual; None where there is none."""
    for folder in (base or Path(tempfile.gettempdir())).glob(f"{_WORKER}-{search}-*"):
        with contextlib.suppress(OSError, ValueError):
            if int((folder / _INDIVIDUAL).read_text(encoding="utf-8")) == number and psutil.pid_exists(_pid(folder)):
                return _pid(folder)
    return None


def _pid(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])

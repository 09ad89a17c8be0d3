"""One driver for a search."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from io import FileIO
from pathlib import Path

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.store import writing


@contextlib.contextmanager
def driver_lock(path: Path) -> Iterator[None]:
    """Hold a search for as long as the block runs; the system lets go of it when the process dies.

    Args:
        path: the lock file. It says who holds it, and stays when nobody does.

    Raises:
        SearchError: another process holds it, told in one line with its number, its host and since when; or the file
            cannot be locked or written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer, which would be written again as the file is closed.
        file = path.open("a+b", buffering=0)
    with file:
        with writing(path):
            _lock(file, path.parent)
            _sign(file)
        yield


def _lock(file: FileIO, search: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SearchError(
            f"{search}: {_holder(file)} runs this search already; stop it first, or name another evolve.root"
        ) from None


def _sign(file: FileIO) -> None:
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    file.truncate(0)
    file.write(json.dumps(holder).encode() + b"\n")


def _holder(file: FileIO) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"process {holder['pid']} on {holder['host']}, started {holder['started']},"
    except (ValueError, TypeError, KeyError):  # it holds the lock, but has not signed yet
        return "another process"

"""One driver for a search."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from evopose2d.errors import SearchError
from evopose2d.evolution.store import writing


@contextlib.contextmanager
def driver_lock(path: Path) -> Iterator[None]:
    """Hold a search for as long as the block runs; the system lets go of it when the process dies.

    Args:
        path: the lock file. It says who holds it, and stays when nobody does.

    Raises:
        SearchError: another process holds it; one line with its number, its host and since when.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SearchError(
                f"{path.parent}: {_holder(file)} runs this search already; stop it first, or name another evolve.root"
            ) from None
        with writing(path):
            _sign(file)
        yield


def _sign(file: TextIO) -> None:
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    file.truncate(0)
    file.write(json.dumps(holder) + "\n")
    file.flush()


def _holder(file: TextIO) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"process {holder['pid']} on {holder['host']}, started {holder['started']},"
    except (ValueError, TypeError, KeyError):  # it holds the lock, but has not signed yet
        return "another process"

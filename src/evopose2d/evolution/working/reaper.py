"""Ends every process that a driver started, when the driver has died.

Ray's own processes end some seconds to a minute after a driver that is killed: its workers would go on training,
and a search that is resumed at once would compete with them.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_MARK = "EVOPOSE2D_DRIVER"
_ROUNDS = 30


class ProcessReaper:
    """A process that outlives this one for a moment, to kill what carries its mark.

    What is started between entering and leaving inherits the mark by its environment.

    Args:
        folder: removed once nothing is left that carries the mark.

    Attributes:
        mark: value of the environment variable that the processes carry.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.mark = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Its own session, so that Ctrl-C does not reach it. It reads the end of a pipe that this process holds:
        # however this process dies, the system closes it.
        command = [
            sys.executable,
            "-m",
            "evopose2d.evolution.working.reaper",
            self.mark,
            *([] if self._folder is None else [str(self._folder)]),
        ]
        # A copy of the environment: another thread that sets a variable moves the environment of this process while
        # the new one's is read from it, which then does not start (EFAULT).
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ.copy(), start_new_session=True)
        os.environ[_MARK] = self.mark
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.pop(_MARK, None)
        if self._process is not None:
            self._process.communicate()


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return the living processes of this user that carry a mark, the calling one left out."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _carries(process, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(_MARK) == mark
    except (psutil.Error, OSError):  # it ended meanwhile, or is another user's
        return False


def main() -> None:
    """Wait until the driver's end of the pipe closes, then kill what carries the mark, until nothing does."""
    sys.stdin.buffer.read()
    for _ in range(_ROUNDS):  # one that is about to die may just have started another
        left = marked_processes(sys.argv[1])
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)
    for folder in sys.argv[2:]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

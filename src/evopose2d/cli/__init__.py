"""The command ``evopose2d``: one subcommand a stage.

Nothing heavy is imported before a stage runs, so that ``--help`` and a mistake in ``params.yaml`` answer at once.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from evopose2d.cli.app import app
from evopose2d.cli.ending import without_teardown
from evopose2d.errors import EvoPoseError

logger = logging.getLogger(__name__)

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


def main(command: Callable[[], None] | None = None) -> None:
    """Run a command line; a mistake that a user can mend ends in one line on standard error and its exit status.

    So does a file that cannot be read or written, wherever that shows; ``--verbose`` shows the traceback too.

    Args:
        command: parses the arguments and runs what they name; None: the command ``evopose2d``.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_teardown(), _noted_interrupts() as interrupts:
        try:
            (command or app)()
        except SystemExit as end:
            if end.code == _INTERRUPTED or (end.code and interrupts):
                _end_interrupted()
            raise
        except Exception as error:
            if interrupts:
                _end_interrupted()
            known = error if isinstance(error, EvoPoseError) else _of_a_file(error)
            if known is None:
                raise
            logger.debug("the command ended by", exc_info=error)
            sys.stderr.write(f"evopose2d: {known}\n")
            sys.exit(known.exit_status)


def _of_a_file(error: Exception) -> EvoPoseError | None:
    """Describe in one line of a file that the machine refuses; None for any other error."""
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError) or error.strerror is None:
        return None
    # Of a renaming the second is the place that was wanted.
    path = error.filename if error.filename2 is None else error.filename2
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    reason = "is a file, must be a folder" if isinstance(error, FileExistsError) else error.strerror
    return EvoPoseError(f"{os.fsdecode(path)}: {reason}")


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Yield a list that grows with each Ctrl-C: a library may make another error of what it raises."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    # A shell that runs this in the background has Ctrl-C ignored; that stays.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _end_interrupted() -> None:
    sys.stderr.write("evopose2d: interrupted; the same command goes on where it stopped\n")
    sys.exit(_INTERRUPTED)

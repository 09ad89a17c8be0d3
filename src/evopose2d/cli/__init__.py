"""The command ``evopose2d``: one subcommand a stage.

Nothing heavy is imported before a stage runs, so that ``--help`` and a mistake in ``params.yaml`` answer at once.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from evopose2d.cli.app import app
from evopose2d.cli.ending import without_teardown
from evopose2d.errors import EvoPoseError

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


def main() -> None:
    """Run the command line; a user's mistake ends in one line on standard error and its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_teardown(), _noted_interrupts() as interrupts:
        try:
            app()
        except SystemExit as end:
            if end.code == _INTERRUPTED or (end.code and interrupts):
                _end_interrupted()
            raise
        except Exception as error:
            if interrupts:
                _end_interrupted()
            if not isinstance(error, EvoPoseError):
                raise
            sys.stderr.write(f"evopose2d: {error}\n")
            sys.exit(error.exit_status)


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Give a list that grows with each Ctrl-C: a library may make another error of what it raises."""
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

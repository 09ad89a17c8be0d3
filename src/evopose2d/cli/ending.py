"""How the process of a command ends."""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FAILED = 1


@contextmanager
def without_teardown() -> Iterator[None]:
    """Make this process end right after its exit handlers, with the status that the block leaves by.

    Threads of TensorFlow may still be cutting crops in Python for an epoch that an interrupt or an error broke off. The
    traceback holds what they work for, until the interpreter is torn down: it then waits for threads that cannot enter
    Python any more, for ever, or takes from them what they use, and crashes.
    """
    status = _FAILED

    def end() -> None:
        left_by = status
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # what it goes to is full or closed
                left_by = left_by or _FAILED
        os._exit(left_by)

    # Handlers run in reverse order: this one after those that libraries register when they are imported.
    atexit.register(end)
    try:
        yield
        status = 0
    except SystemExit as error:
        code = error.code or 0
        status = code if isinstance(code, int) else _FAILED
        raise

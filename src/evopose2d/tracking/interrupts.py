"""Ctrl-C while MLflow writes: SQLAlchemy would be left in disorder, sometimes with a database that stays locked."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended; a second one breaks the block off.

    What is set to answer Ctrl-C does so then. Where Ctrl-C is ignored, or in another thread than the main one, which
    alone hears it, nothing changes.
    """
    answer = signal.getsignal(signal.SIGINT)
    if not callable(answer) or threading.current_thread() is not threading.main_thread():
        yield
        return
    held = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        if held:
            held = False
            answer(number, frame)
        else:
            held = True

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
        if held:
            answer(signal.SIGINT, None)

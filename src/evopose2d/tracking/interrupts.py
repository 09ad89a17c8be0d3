"""Ctrl-C while MLflow writes: SQLAlchemy would be left in disorder, sometimes with a database that stays locked."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block has ended; a second one breaks the block off.

    What is set to answer them does so then. Where one is ignored, or ends the process as the system has it, or in
    another thread than the main one, which alone hears them, nothing changes.
    """
    answers = {number: answer for number in _SIGNALS if callable(answer := signal.getsignal(number))}
    if not answers or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            held.clear()
            answers[signal.Signals(number)](number, frame)
        else:
            held.append(number)

    for number in answers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, answer in answers.items():
            signal.signal(number, answer)
        for first in held:
            answers[signal.Signals(first)](first, None)

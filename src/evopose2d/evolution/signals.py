"""A stop that is asked for by Ctrl-C or ``kill``, and made between two steps instead of within one."""

import contextlib
import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a stop has been asked for."""

    def __init__(self) -> None:
        self.requested = False


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Note SIGINT and SIGTERM instead of breaking off; a second one breaks off.

    To be entered from the main thread. A signal that is ignored, as Ctrl-C is in the background of a shell, stays so.

    Yields:
        What tells whether a signal came.
    """
    stop = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True
        logger.warning("stopping; once more to break off at once")

    with _answered_by(note, _SIGNALS):
        yield stop


@contextlib.contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Have SIGTERM break off as Ctrl-C does, by ``KeyboardInterrupt``, so that what follows that follows both.

    To be entered from the main thread.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _answered_by(interrupt, (signal.SIGTERM,)):
        yield


@contextlib.contextmanager
def _answered_by(answer: Callable[[int, FrameType | None], None], signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Have signals answered, those that are ignored left out, and put back what answered them before."""
    heard = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, answer) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

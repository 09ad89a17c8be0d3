import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def raising_interrupts() -> Iterator[None]:
    """Ctrl-C raises, as Python sets it up; a shell that runs tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

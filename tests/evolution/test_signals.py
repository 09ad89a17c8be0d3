import os
import signal
from collections.abc import Iterator

import pytest

from evopose2d.evolution.signals import sigterm_interrupts, stop_on_signals

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(params=BOTH)
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("sent", BOTH)
def test_a_signal_asks_for_a_stop_and_a_second_one_breaks_off(sent: signal.Signals):
    before = [signal.getsignal(each) for each in BOTH]
    with pytest.raises(KeyboardInterrupt), stop_on_signals() as stop:
        os.kill(os.getpid(), sent)
        assert stop.requested
        os.kill(os.getpid(), sent)
    assert [signal.getsignal(each) for each in BOTH] == before


def test_a_signal_that_is_ignored_stays_so(ignored: signal.Signals):
    with stop_on_signals() as stop:
        os.kill(os.getpid(), ignored)
        assert signal.getsignal(ignored) == signal.SIG_IGN
    assert not stop.requested
    assert signal.getsignal(ignored) == signal.SIG_IGN


def test_sigterm_breaks_off_as_ctrl_c_does():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before

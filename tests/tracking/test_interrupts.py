"""Ctrl-C while something must not be broken off."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from evopose2d.tracking.interrupts import held_interrupts


def _press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def noted() -> Iterator[list[int]]:
    """What a program with an answer of its own to Ctrl-C has heard."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("raising_interrupts")
def test_the_block_ends_first():
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with held_interrupts():
            _press()
            steps.append("in the block")
        steps.append("after the block")
    assert steps == ["in the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("raising_interrupts")
def test_the_second_breaks_off():
    steps = []
    with pytest.raises(KeyboardInterrupt), held_interrupts():
        _press()
        steps.append("once")
        _press()
        steps.append("twice")
    assert steps == ["once"]


@pytest.mark.usefixtures("raising_interrupts")
def test_an_interrupt_counts_more_than_what_the_block_raises():
    with pytest.raises(KeyboardInterrupt), held_interrupts():
        _press()
        raise RuntimeError


def test_whoever_answers_hears_it_after_the_block_and_once(noted: list[int]):
    with held_interrupts():
        _press()
        assert noted == []
    assert noted == [signal.SIGINT]
    with held_interrupts():
        pass
    assert noted == [signal.SIGINT]


def test_a_second_one_is_heard_at_once(noted: list[int]):
    with held_interrupts():
        _press()
        _press()
        assert noted == [signal.SIGINT]
    assert noted == [signal.SIGINT]


def test_sigterm_waits_where_something_answers_it(noted: list[int]):
    before = signal.signal(signal.SIGTERM, lambda number, frame: noted.append(number))
    try:
        with held_interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
            assert noted == []
        assert noted == [signal.SIGTERM]
        with held_interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
            _press()
            assert noted == [signal.SIGTERM, signal.SIGINT]
        assert noted == [signal.SIGTERM, signal.SIGINT]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_the_system_does_at_a_sigterm_stays(noted: list[int]):
    with held_interrupts():
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_interrupts():
            _press()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_go_on():
    steps = []

    def work() -> None:
        with held_interrupts():
            steps.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert steps == ["done"]

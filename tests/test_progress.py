"""What long work shows where nobody looks at a terminal."""

import io
import logging
import re
import sys

import pytest

from evopose2d.progress import duration, progress_bar


def _lines(caplog, seconds: float, *, count: int = 10, total: int | None = 100) -> list[str]:
    now = 1000.0
    with caplog.at_level(logging.INFO, "evopose2d"), progress_bar("epoch 2/9", total, unit="step") as bar:
        bar._time = lambda: now
        bar.start_t = bar.last_print_t = now
        for number in range(count):
            now += seconds
            bar.set_postfix_str(f"loss {number}.5", refresh=False)
            bar.update()
    return caplog.messages


def test_a_line_comes_every_half_minute(caplog):
    lines = _lines(caplog, seconds=10)
    assert len(lines) == 3  # of 100 seconds
    assert re.fullmatch(r"epoch 2/9: 3 of 100 steps, .*s/step, loss 2\.5, 16:10 left", lines[0])


def test_steps_that_take_longer_have_a_line_each(caplog):
    assert len(_lines(caplog, seconds=45, count=4)) == 4


def test_short_work_says_nothing(caplog):
    assert _lines(caplog, seconds=2) == []


def test_work_of_unknown_length_tells_how_much_is_done(caplog):
    (line,) = _lines(caplog, seconds=31, count=1, total=None)
    assert line.startswith("epoch 2/9: 1 steps, ")


def test_nothing_is_shown_where_it_is_not_wanted(caplog):
    with caplog.at_level(logging.WARNING, "evopose2d"), progress_bar("x", 3, unit="step") as bar:
        assert bar.disable
    with progress_bar("x", 3, unit="step", shown=False) as bar:
        assert bar.disable


def test_a_terminal_gets_a_bar(monkeypatch, caplog):
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    with caplog.at_level(logging.INFO, "evopose2d"), progress_bar("epoch", 2, unit="step") as bar:
        bar.update()
        bar.refresh()
    assert "epoch:  50%" in terminal.getvalue()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (99, "99 s"), (100, "2 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_duration(seconds: float, text: str):
    assert duration(seconds) == text

"""How far long work has come: a bar on a terminal, elsewhere a line in the log every half minute."""

import logging
import sys
from typing import Any

from tqdm import tqdm

logger = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between two lines in a log."""

_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}s, {rate_fmt}{postfix}, {remaining} left"
_LINE_WITHOUT_TOTAL = "{desc}: {n_fmt} {unit}s, {rate_fmt}{postfix}"


def progress_bar(
    description: str, total: int | None, *, unit: str, scale: bool = False, initial: int = 0, shown: bool = True
) -> "tqdm[Any]":
    """Open a bar on standard error; where that is no terminal, it writes lines into the log instead.

    Work that ends within half a minute writes none.

    Args:
        description: what is going on, in a word or two.
        total: units of work in all; None where that is not known.
        unit: what a unit is called.
        scale: whether to write large numbers with k, M, G.
        initial: units that are done already.
        shown: False for a bar that shows nothing, as where logs of level INFO are off.
    """
    settings: dict[str, Any] = {}
    if not sys.stderr.isatty():
        settings = {
            "file": _LogLines(),
            "bar_format": _LINE_WITHOUT_TOTAL if total is None else _LINE,
            "mininterval": INTERVAL,
            "maxinterval": INTERVAL,
            "miniters": 1,
            "delay": INTERVAL,
        }
    return tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=scale,
        initial=initial,
        disable=not (shown and logger.isEnabledFor(logging.INFO)),
        leave=False,
        **settings,
    )


def duration(seconds: float) -> str:
    """Write a duration for people: ``90 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class _LogLines:
    """What tqdm takes for a stream: each bar that it draws is a line in the log, and those that it wipes are none."""

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            logger.info("%s", line)

    def flush(self) -> None:
        pass

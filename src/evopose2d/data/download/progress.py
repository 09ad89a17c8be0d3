"""Progress bars for long work."""

import logging
from typing import Any

from tqdm import tqdm

_LOGGER = logging.getLogger(__name__)


def progress_bar(
    description: str, total: int | None, *, unit: str, scale: bool = False, initial: int = 0
) -> "tqdm[Any]":
    """Open a bar on standard error, silent where that is no terminal or where logs of level INFO are off.

    Args:
        description: what is going on, in a word or two.
        total: units of work in all.
        unit: what a unit is called.
        scale: whether to write large numbers with k, M, G.
        initial: units that are done already.
    """
    # tqdm reads None as "only on a terminal".
    disable = None if _LOGGER.isEnabledFor(logging.INFO) else True
    return tqdm(
        desc=description,
        total=total,
        unit=unit,
        unit_scale=scale,
        initial=initial,
        disable=disable,
        leave=False,
    )

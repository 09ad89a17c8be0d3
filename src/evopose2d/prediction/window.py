"""A window in which pictures are shown one after the other."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.errors import ConfigError

_TITLE = "evopose2d"
_ENDS = (27, ord("q"))  # Escape, q
_PROBE = f"import cv2; cv2.namedWindow({_TITLE!r})"

Show = Callable[[NDArray[np.uint8]], bool]
"""Shows (height, width, 3) uint8 RGB; tells whether to go on."""


def check_window() -> None:
    """Refuse to go on where no window can be opened. A process of its own tries, since Qt kills one that has no screen.

    Raises:
        ConfigError: there is no screen, or this OpenCV opens no windows.
    """
    if subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False).returncode:
        raise ConfigError(
            "--webcam: no window can be opened here: it needs a screen, and opencv-python in place of "
            "opencv-python-headless"
        )


@contextmanager
def window() -> Iterator[Show]:
    """Open a window; ``q``, Escape or closing it ends the show."""

    def show(image: NDArray[np.uint8]) -> bool:
        cv2.imshow(_TITLE, image[..., ::-1])
        pressed = cv2.waitKey(1) & 0xFF
        return pressed not in _ENDS and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1

    cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    try:
        yield show
    finally:
        cv2.destroyAllWindows()

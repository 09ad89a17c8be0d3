"""Whether a cluster is still there, and which machines it has: asked by threads, since Ray may not answer.

Where its raylet or its control service (GCS) ends, Ray ends the driver's process too, some time later and without a
word that says what to do.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

logger = logging.getLogger(__name__)

Nodes = Sequence[Mapping[str, Any]]

_PAUSE = 0.3  # seconds between two looks at Ray's processes
_NODES_PAUSE = 2.0  # seconds between two looks at the machines
_CONNECT_SECONDS = 2.0


class RayMonitor:
    """Looks after Ray until the block ends.

    Args:
        present: by the name of a process of Ray, what tells whether it is there, and how many seconds it may be away.
        nodes: returns the cluster's machines; may block.
        pause: seconds between two looks.
    """

    def __init__(
        self,
        present: Mapping[str, tuple[Callable[[], bool], float]],
        nodes: Callable[[], Nodes],
        pause: float = _PAUSE,
    ) -> None:
        self._present = present
        self._look = nodes
        self._pause = pause
        self._nodes: Nodes = nodes()
        self._ended = ""
        self._done = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._watch, self._follow)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()  # a thread that Ray does not answer is left behind

    @property
    def ended(self) -> str:
        """Name of the process of Ray that has ended; "" while all are there."""
        return self._ended

    @property
    def nodes(self) -> Nodes:
        """The machines as of the last look, as ``ray.nodes()`` returns them."""
        return self._nodes

    def _watch(self) -> None:
        seen = dict.fromkeys(self._present, time.monotonic())
        while not self._done.wait(self._pause):
            for name, (is_there, patience) in self._present.items():
                now = time.monotonic()
                if is_there():
                    seen[name] = now
                elif now - seen[name] > patience:
                    self._ended = name
                    return

    def _follow(self) -> None:
        while not self._done.wait(max(self._pause, _NODES_PAUSE)):
            try:
                self._nodes = self._look()
            except Exception as error:  # noqa: BLE001 - Ray raises many; what has ended is told by the other thread
                logger.debug("Ray does not tell its machines: %r", error)


def answers_at(host: str, port: int) -> bool:
    """Return whether anything takes a connection there."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def answers_in(path: str) -> bool:
    """Return whether anything takes a connection at a socket in the file system."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(_CONNECT_SECONDS)
        try:
            connection.connect(path)
        except TimeoutError:  # busy
            return True
        except OSError:
            return False
    return True

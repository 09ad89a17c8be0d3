"""Files that are either whole or absent: written beside their place, then renamed."""

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_UMASK_LOCK = threading.Lock()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path`` and rename it to ``path`` on success.

    A process killed at any moment leaves the old file or the new one, never a part. The suffix of ``path``
    is kept, because several writers choose their format by it.

    Args:
        path: the file to write; its folder is made where missing.

    Yields:
        The path to write to. On an exception it is removed and ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~current_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def current_umask() -> int:
    """Return the process's file mode mask (mkstemp ignores it and would leave files unreadable to others)."""
    # Only setting the mask reads it: two threads that did so at once could leave the process without one.
    with _UMASK_LOCK:
        mask = os.umask(0)
        os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:  # noqa: ANN401 - any JSON value
    """Write ``value`` to ``path`` as JSON, whole or not at all. NaN and infinity are refused.

    Raises:
        ValueError: ``value`` holds a number that JSON cannot hold.
    """
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n")


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the SHA-256 of a JSON value's canonical form: equal values give equal digests."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()

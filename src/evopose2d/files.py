"""Files that are either whole or absent: written beside their place, then renamed; and the user's own folder."""

import contextlib
import errno
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}(\.[^.]*)?")
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path`` and rename it to ``path`` on success.

    A process killed at any moment leaves the old file or the new one, never a part, and so does a power cut: what
    has been written later is on the disk only with what was written here. The suffix of ``path`` is kept, because
    several writers choose their format by it.

    Args:
        path: the file to write; its folder is made where missing.

    Yields:
        The path to write to. On an exception it is removed and ``path`` stays as it was.

    Raises:
        OSError: the machine refuses; it names ``path`` or its folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}")
    with _naming(path, temporary):
        temporary.touch(exist_ok=False)  # with the process's file mode mask, unlike files of ``tempfile``
        try:
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Return whether a file is one that :func:`replacing` makes; where nobody writes, its writer was killed."""
    return _TEMPORARY.fullmatch(path.name) is not None and path.is_file()


@contextlib.contextmanager
def _naming(path: Path, temporary: Path) -> Iterator[None]:
    """Have errors name the file that is wanted where they name the temporary one, or none as a full disk's do."""
    try:
        yield
    except OSError as error:
        if error.filename == str(temporary) or (error.filename is None and error.errno in _OF_THE_DISK):
            error.filename, error.filename2 = str(path), None
        raise


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk, where the file system can be asked to."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


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


def at_home(text: str) -> str:
    """Return a path that begins with ``~/`` with the user's own folder in its place; any other text as it is."""
    return str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files that settings name together with what they must hold: ``weights.h5#sha256=...``, as pip's addresses do.

DVC and a run that goes on compare settings: a file that has been replaced under the same name is another setting then.
"""

import re
from pathlib import Path
from typing import NamedTuple

from evopose2d.errors import ConfigError
from evopose2d.files import file_sha256

_MARK = "#sha256="
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Pinned(NamedTuple):
    """A place as a setting names it.

    Attributes:
        place: the file or address.
        digest: SHA-256 of the file in 64 hexadecimal digits; None where any content will do.
    """

    place: str
    digest: str | None


def pin(path: Path) -> str:
    """Name a file together with its SHA-256.

    Raises:
        OSError: it cannot be read.
    """
    return f"{path}{_MARK}{file_sha256(path)}"


def read_pinned(key: str, text: str) -> Pinned:
    """Take apart what a setting names.

    Args:
        key: the setting's, for the message.
        text: its value.

    Raises:
        ConfigError: what follows the mark is no SHA-256.
    """
    place, mark, digest = text.partition(_MARK)
    if mark and not _DIGEST.fullmatch(digest):
        raise ConfigError(f"{key}: got {text!r}, must have 64 hexadecimal digits 0-9a-f after {_MARK}")
    return Pinned(place, digest or None)

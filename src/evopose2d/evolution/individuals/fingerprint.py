"""Whether a file still holds what was written to it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from evopose2d.files import file_sha256


@dataclass(frozen=True)
class Fingerprint:
    """Size and digest of a file as it was written.

    Attributes:
        bytes: its size.
        sha256: of its content, in hexadecimal digits.
    """

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the fingerprint of a file.

        Raises:
            OSError: it cannot be read.
        """
        return cls(path.stat().st_size, file_sha256(path))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned.

        Raises:
            TypeError: the value is not one of those.
        """
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value."""
        return asdict(self)


@dataclass
class IntactFiles:
    """Compares files with their fingerprints, and reads a file again only after it has changed.

    Attributes:
        seen: path to size, time of the last change and digest of the file when it was read.
    """

    seen: dict[Path, tuple[tuple[int, int], str]] = field(default_factory=dict)

    def holds(self, path: Path, expected: Fingerprint) -> bool:
        """Return whether a file has the expected size and content; False where it cannot be read."""
        try:
            status = path.stat()
            if status.st_size != expected.bytes:
                return False
            state = (status.st_size, status.st_mtime_ns)
            known = self.seen.get(path)
            if known is None or known[0] != state:
                known = self.seen[path] = (state, file_sha256(path))
        except OSError:
            return False
        return known[1] == expected.sha256

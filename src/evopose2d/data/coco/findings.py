"""What is found while a file is read: mistakes, repairs, and who is left out, each counted and placed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evopose2d.errors import DataError

_NAMED = 10  # of a kind
_PLACES = 3  # in a line that says what was repaired


@dataclass
class _Kind:
    """How often something was found, and the first places."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(text)


@dataclass
class Findings:
    """What is found in one file.

    Mistakes are collected, so that all are told at once: ``raise_mistakes``. The rest is told by ``lines``.

    Attributes:
        path: the file.
    """

    path: Path
    _mistakes: dict[str, _Kind] = field(default_factory=dict)
    _repaired: dict[str, _Kind] = field(default_factory=dict)
    _left_out: dict[str, _Kind] = field(default_factory=dict)
    _notes: dict[str, _Kind] = field(default_factory=dict)

    def mistake(self, kind: str, text: str) -> None:
        """Add a mistake that stops the file's use.

        Args:
            kind: groups mistakes of one kind, of which ten are told.
            text: one line: which entry, what was received, what is allowed.
        """
        self._mistakes.setdefault(kind, _Kind()).add(text)

    def repair(self, what: str, place: str) -> None:
        """Add an entry that was repaired."""
        self._repaired.setdefault(what, _Kind()).add(place)

    def leave_out(self, reason: str, place: str) -> None:
        """Add an annotated person who is used nowhere, neither in records nor in AP."""
        self._left_out.setdefault(reason, _Kind()).add(place)

    def note(self, what: str, place: str = "") -> None:
        """Add something suspicious that changes nothing."""
        self._notes.setdefault(what, _Kind()).add(place)

    def raise_mistakes(self) -> None:
        """Raise all mistakes in one line, the first ten of each kind.

        Raises:
            DataError: there are mistakes.
        """
        if self._mistakes:
            told = [text for kind in self._mistakes.values() for text in _told(kind)]
            raise DataError(f"{self.path}: {'; '.join(told)}")

    @property
    def repaired(self) -> dict[str, int]:
        """Number of repaired entries by what was done."""
        return {what: kind.count for what, kind in self._repaired.items()}

    @property
    def left_out(self) -> dict[str, int]:
        """Number of people left out by reason."""
        return {reason: kind.count for reason, kind in self._left_out.items()}

    @property
    def notes(self) -> dict[str, int]:
        """How often something suspicious was seen, by what it is."""
        return {what: kind.count for what, kind in self._notes.items()}

    def lines(self) -> Iterator[str]:
        """Yield one line for each kind of repair, of reason to leave somebody out, and of suspicion."""
        for verb, kinds in (("left out", self._left_out), ("repaired", self._repaired), ("note", self._notes)):
            for what, kind in kinds.items():
                yield f"{self.path}: {verb}: {what}{_places(kind)}"


def _told(kind: _Kind) -> list[str]:
    more = kind.count - len(kind.first)
    return [*kind.first, f"and {more} more of this kind"] if more else kind.first


def _places(kind: _Kind) -> str:
    named = [place for place in kind.first[:_PLACES] if place]
    if not named:
        return ""
    more = kind.count - len(named)
    return f" ({kind.count}: {', '.join(named)}{f' and {more} more' if more else ''})"

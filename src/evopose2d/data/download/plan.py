"""What has to be done for a dataset, in steps that are remembered once done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evopose2d.files import digest


@dataclass(frozen=True)
class Space:
    """Disk space in bytes that a step still takes: while it runs, and from then on."""

    passing: int = 0
    lasting: int = 0


@dataclass(frozen=True)
class Step:
    """One piece of work on the dataset's folder. Doing it again, whole or half done, must do no harm.

    Attributes:
        name: names it in the record of what is done.
        content: what it depends on, a JSON value: a step whose content changed is done again.
        run: does it.
        outputs: patterns of files below the dataset's root; where none matches one, the step is done again.
        space: disk space that it needs, asked before any step runs.
    """

    name: str
    content: Any
    run: Callable[[], None]
    outputs: tuple[str, ...] = ()
    space: Callable[[], Space] = Space

    @property
    def digest(self) -> str:
        """Digest of ``content``."""
        return digest(self.content)

    def is_done(self, root: Path, done: Mapping[str, str]) -> bool:
        """Return whether the step needs no work, where ``done`` holds the digests of the steps done before."""
        return done.get(self.name) == self.digest and all(any(root.glob(pattern)) for pattern in self.outputs)


@dataclass(frozen=True)
class Plan:
    """The steps that make a dataset, and what tells it from other datasets.

    Attributes:
        source: ``dataset.source``.
        content: the JSON value that tells the dataset from others: where it changes, all is made anew.
        steps: in the order in which they are done.
        check: raises where the source cannot be used, called before anything is removed or written.
        close: removes what was written meanwhile, called at the end, whatever happened.
    """

    source: str
    content: Any
    steps: tuple[Step, ...]
    check: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None

    @property
    def identity(self) -> str:
        """Digest of ``content``."""
        return digest(self.content)


def peak_space(steps: Sequence[Step]) -> int:
    """Return the most bytes that lie on the disk, beyond those now, at any moment of ``steps``."""
    lasting, peak = 0, 0
    for space in (step.space() for step in steps):
        peak = max(peak, lasting + space.passing + space.lasting)
        lasting += space.lasting
    return peak


def bytes_matching(folder: Path, patterns: Sequence[str]) -> int:
    """Return the bytes of the files below ``folder`` that match any of the glob ``patterns``."""
    return sum(path.stat().st_size for pattern in patterns for path in folder.glob(pattern))

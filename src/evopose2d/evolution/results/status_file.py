"""What a search is doing at the moment, as a file in its directory that other terminals and machines read."""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from evopose2d.errors import SearchError
from evopose2d.evolution.working.engine import MachineState
from evopose2d.files import write_json

STATUS_NAME = "status.json"
SILENT_SECONDS = 120.0  # after which a status that says "running" is of a driver that was killed or is stuck

_VERSION = 1


@dataclass(frozen=True)
class RunningIndividual:
    """An individual that is being trained.

    Attributes:
        number: of the individual.
        generation: of the individual.
        since: ISO time at which its training was started.
        host: the machine that trains it; "" where that is not known.
        epochs: that it is trained at most.
    """

    number: int
    generation: int
    since: str
    host: str
    epochs: int


@dataclass(frozen=True)
class RecentFailure:
    """A failed attempt to train an individual.

    Attributes:
        number: of the individual.
        time: ISO time.
        host: the machine that trained it; "" where that is not known.
        error: what went wrong, in one line.
    """

    number: int
    time: str
    host: str
    error: str


@dataclass(frozen=True)
class SearchStatus:
    """A search at a moment.

    Attributes:
        written: ISO time.
        state: ``running``, ``finished``, ``stopped`` (by the user or by ``evolve.max_hours``) or ``failed``.
        reason: why it is stopped or has failed.
        host: the driver's machine.
        pid: the driver's process.
        started: ISO time at which the driver was started.
        total: individuals of the search; 0 before that is known.
        done: finished individuals, failed ones counted.
        failed: individuals that could not be trained.
        best: number, fitness and AP of the best individual so far; None before there is one.
        per_hour: individuals that were finished in an hour, since the driver started; None before the first.
        utilisation: share of the slots' time since the driver started in which they trained, 0 to 1.
        remaining: estimated seconds to the end; None where nothing is known yet.
        running: who is being trained.
        machines: what there is to train on.
        failures: the last failed attempts, latest last.
    """

    written: str
    state: str
    reason: str
    host: str
    pid: int
    started: str
    total: int
    done: int
    failed: int
    best: Mapping[str, Any] | None
    per_hour: float | None
    utilisation: float
    remaining: float | None
    running: tuple[RunningIndividual, ...]
    machines: tuple[MachineState, ...]
    failures: tuple[RecentFailure, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value with all attributes."""
        return {"version": _VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "SearchStatus":
        """Read what ``to_json`` returned.

        Raises:
            ValueError, TypeError, KeyError: the value is not one of those.
        """
        values = dict(content)
        if (version := values.pop("version")) != _VERSION:
            raise ValueError(f"version: got {version}, must be {_VERSION}")
        values["running"] = tuple(RunningIndividual(**each) for each in values["running"])
        values["machines"] = tuple(
            MachineState(**(each | {"running": tuple(each["running"])})) for each in values["machines"]
        )
        values["failures"] = tuple(RecentFailure(**each) for each in values["failures"])
        return cls(**values)

    def silent_for(self, now: float) -> float:
        """Return the seconds since it was written, if a driver should have written meanwhile; else 0.

        Args:
            now: seconds since 1970.
        """
        age = now - datetime.fromisoformat(self.written).timestamp()
        return age if self.state == "running" and age > SILENT_SECONDS else 0.0


@dataclass
class Usage:
    """How much of the slots' time was spent training.

    Attributes:
        started: when the count began, by the clock that ``note`` is given.
        busy: slot-seconds that were spent training.
        there: slot-seconds that there were.
        finished: individuals that were trained.
    """

    started: float
    busy: float = 0.0
    there: float = 0.0
    finished: int = 0
    _last: float | None = field(default=None, repr=False)

    def note(self, now: float, running: int, slots: int) -> None:
        """Count the time since the last call, with so many individuals running in so many slots."""
        if self._last is not None:
            self.busy += (now - self._last) * running
            self.there += (now - self._last) * max(slots, running)
        self._last = now

    @property
    def share(self) -> float:
        """Share of the time in which slots trained, 0 to 1."""
        return self.busy / self.there if self.there else 0.0

    def per_hour(self, now: float) -> float | None:
        """Individuals that were trained in an hour; None before the first."""
        return self.finished / (now - self.started) * 3600 if self.finished and now > self.started else None


class StatusFile:
    """Writes a search's status, whole each time, and not more often than people look.

    Args:
        root: the search directory.
        pause: least seconds between two writings.
        clock: gives seconds that only grow.
    """

    def __init__(self, root: Path, pause: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = root / STATUS_NAME
        self._pause = pause
        self._clock = clock
        self._not_before = 0.0
        self._identity: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "started": iso_now()}

    def write(self, *, state: str = "running", reason: str = "", at_once: bool = False, **values: Any) -> None:  # noqa: ANN401
        """Write a status, unless the last one is fresh; a disk that takes none stops nothing.

        Args:
            state: of the search.
            reason: why it is stopped or has failed.
            at_once: however fresh the last one is.
            values: what else a ``SearchStatus`` holds.
        """
        now = self._clock()
        if now < self._not_before and not at_once:
            return
        self._not_before = now + self._pause
        status = SearchStatus(written=iso_now(), state=state, reason=reason, **self._identity, **values)
        try:
            write_json(self._path, status.to_json())
        except OSError:  # what must be written tells of a full disk
            return


def read_status(root: Path) -> SearchStatus:
    """Read a search's status.

    Raises:
        SearchError: there is none, or it cannot be read.
    """
    path = root / STATUS_NAME
    try:
        return SearchStatus.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SearchError(f"{path}: no such file, no search has been started here") from None
    except OSError as error:
        raise SearchError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError) as error:
        raise SearchError(f"{path}: is no status of this version ({error!r})") from None


def iso_now() -> str:
    """Return the time with its zone, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")

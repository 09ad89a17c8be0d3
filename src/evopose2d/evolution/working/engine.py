"""What the driver needs of whatever trains its individuals."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from evopose2d.config.schema import Params
from evopose2d.errors import EvoPoseError
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec

Trainer = Callable[[IndividualSpec, Params, bytes | None], tuple[IndividualResult, bytes]]
"""Trains an individual from its spec, the search's settings and its parent's weight file; gives its own file."""


@dataclass(frozen=True)
class Trained:
    """An individual has been trained.

    Attributes:
        number: the individual.
        result: what came out.
        weights: its weight file.
    """

    number: int
    result: IndividualResult
    weights: bytes


class Fault(Enum):
    """Whose fault it is that an individual was not trained, as far as can be told.

    Attributes:
        INDIVIDUAL: perhaps its own: it has failed when its attempts are used up.
        MACHINE: a machine's, such as a full disk: it has as many attempts, but then the search stops and waits to be
            started again.
        DEPARTURE: a machine is gone, which is no attempt of the individual's.
    """

    INDIVIDUAL = "individual"
    MACHINE = "machine"
    DEPARTURE = "departure"


@dataclass(frozen=True)
class Lost:
    """An attempt to train an individual has failed.

    Attributes:
        number: the individual.
        error: what went wrong, in one line.
        details: the same at length, such as a traceback.
        mendable: what stops the whole search, because it would fail the other individuals too and the user can
            mend it; None where others may do better.
        fault: whose it is, where nothing is ``mendable``.
    """

    number: int
    error: str
    details: str = ""
    mendable: EvoPoseError | None = None
    fault: Fault = Fault.INDIVIDUAL


@dataclass(frozen=True)
class MachineState:
    """A machine at a moment.

    Attributes:
        host: its name.
        room: how many individuals it can train at once.
        standing: ``new`` (it is being asked what it has installed), ``used`` or ``left out``.
        reason: why it is left out.
        running: numbers of the individuals that it trains.
        trained: how many it has trained since the driver started.
    """

    host: str
    room: int
    standing: str
    reason: str
    running: tuple[int, ...]
    trained: int


class Engine(Protocol):
    """Trains individuals, several at once, each in a process of its own."""

    @property
    def slots(self) -> int:
        """How many individuals can be trained at once, at the moment."""

    def submit(self, spec: IndividualSpec, parent: "ParentWeights | None") -> None:
        """Start to train an individual."""

    @property
    def machines(self) -> list[MachineState]:
        """The machines that are there at the moment."""

    def give_up(self, number: int, error: str) -> None:
        """End an individual's training; ``wait`` returns it as lost by ``error``."""

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """Return what has come of individuals since the last call; wait at most ``timeout`` seconds for the first."""


INITIAL = -1


@dataclass(frozen=True)
class ParentWeights:
    """Where weights lie that an individual starts from.

    Attributes:
        number: the parent; ``INITIAL`` where they are what the search's ancestor starts from.
        path: its weight file, on the driver's disk.
    """

    number: int
    path: Path


class WrappedEngine:
    """What engines that train through another one have in common: all but ``wait`` is the other's, unless overridden.

    Args:
        engine: trains.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def slots(self) -> int:
        """As the engine's."""
        return self._engine.slots

    @property
    def machines(self) -> list[MachineState]:
        """As the engine's."""
        return self._engine.machines

    def give_up(self, number: int, error: str) -> None:
        """As the engine's."""
        self._engine.give_up(number, error)

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """As the engine's."""
        self._engine.submit(spec, parent)

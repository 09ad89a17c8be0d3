"""The machines of a search: how much fits into each, who trains where, and which are left out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from evopose2d.config.schema import EvolveConfig

_FAILURES_IN_A_ROW = 3  # of as many individuals, after which a machine is left out
_UNITS = 10_000  # Ray counts fractions of resources in ten-thousandths: 0.1 fits ten times into 1


class Standing(Enum):
    """Whether a machine gets individuals.

    Attributes:
        NEW: not yet, it is being asked what it has installed.
        USED: it does.
        LEFT_OUT: no more, until a node of another id joins from there.
    """

    NEW = "new"
    USED = "used"
    LEFT_OUT = "left out"


@dataclass
class Machine:
    """A machine of the cluster.

    Attributes:
        node: Ray's id of it.
        host: its name.
        room: how many individuals fit into it at once.
        standing: whether it gets individuals.
        reason: why it is left out.
        running: numbers of the individuals that it trains.
        failed: numbers of those that it failed since its last success.
        trained: how many it has trained.
    """

    node: str
    host: str
    room: int
    standing: Standing = Standing.NEW
    reason: str = ""
    running: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    trained: int = 0


class Machines:
    """All machines on which an individual can be trained.

    Args:
        evolve: section ``evolve``, for what an individual takes.
    """

    def __init__(self, evolve: EvolveConfig) -> None:
        self._evolve = evolve
        self._alive: dict[str, Machine] = {}
        self._failed_on: dict[int, str] = {}

    def update(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[list[Machine], list[Machine]]:
        """Take over what the cluster says of its machines.

        Args:
            nodes: as ``ray.nodes()`` returns them.

        Returns:
            Machines that have joined, and machines that are gone.
        """
        alive = {node["NodeID"]: node for node in nodes if node["Alive"]}
        gone = [self._alive.pop(node) for node in [*self._alive] if node not in alive]
        joined = []
        for node, values in alive.items():
            room = fitting(values["Resources"], demand(self._evolve))
            if node not in self._alive and room:
                joined.append(Machine(node, values["NodeManagerHostname"], room))
                self._alive[node] = joined[-1]
        return joined, gone

    def __iter__(self) -> Iterator[Machine]:
        """Iterate over the machines that are there."""
        return iter(list(self._alive.values()))

    @property
    def room(self) -> int:
        """How many individuals can be trained at once, those counted that a machine that is left out still trains."""
        used = sum(each.room if each.standing is Standing.USED else len(each.running) for each in self)
        return min(used, self._evolve.workers) if self._evolve.workers else used

    @property
    def hopeless(self) -> list[Machine]:
        """Return the machines where every one that is there is left out; none where one is not, or none is there."""
        machines = list(self)
        return machines if machines and all(each.standing is Standing.LEFT_OUT for each in machines) else []

    def admit(self, node: str) -> None:
        """Let a machine have individuals."""
        if node in self._alive:
            self._alive[node].standing = Standing.USED

    def leave_out(self, node: str, reason: str) -> Machine | None:
        """Give a machine no more individuals; None where it is gone or was left out before."""
        machine = self._alive.get(node)
        if machine is None or machine.standing is Standing.LEFT_OUT:
            return None
        machine.standing, machine.reason = Standing.LEFT_OUT, reason
        return machine

    def place(self, number: int) -> Machine:
        """Choose a machine for an individual: one with most room, and another than it last failed on.

        Raises:
            LookupError: there is none.
        """
        used = [each for each in self if each.standing is Standing.USED]
        if not used:
            raise LookupError("no machine")
        avoided = self._failed_on.get(number)
        machine = max(used, key=lambda each: (len(each.running) < each.room, each.node != avoided, _free(each)))
        machine.running.add(number)
        return machine

    def succeeded(self, number: int, machine: Machine) -> None:
        """Note that a machine has trained an individual."""
        machine.running.discard(number)
        machine.failed.clear()
        machine.trained += 1
        self._failed_on.pop(number, None)

    def failed(self, number: int, machine: Machine, *, suspect: bool) -> bool:
        """Note that an individual failed on a machine.

        Args:
            number: the individual.
            machine: where it was being trained.
            suspect: whether the machine may have been at fault.

        Returns:
            Whether the machine has failed so many in a row that it is to be left out, while there are others.
        """
        machine.running.discard(number)
        self._failed_on[number] = machine.node
        if suspect:
            machine.failed.add(number)
        others = any(each.standing is Standing.USED and each is not machine for each in self)
        return suspect and others and len(machine.failed) >= _FAILURES_IN_A_ROW


def demand(evolve: EvolveConfig) -> dict[str, float]:
    """Return what an individual takes of a machine, by Ray's names."""
    return {"CPU": evolve.cpus, "GPU": evolve.gpus, "TPU": evolve.tpus}


def fitting(resources: Mapping[str, float], wanted: Mapping[str, float]) -> int:
    """Count how many individuals fit into a machine."""
    units = {name: round(amount * _UNITS) for name, amount in wanted.items() if amount > 0}
    return min(round(resources.get(name, 0) * _UNITS) // amount for name, amount in units.items())


def _free(machine: Machine) -> int:
    return machine.room - len(machine.running)

"""Individuals as Ray tasks: in processes of this machine, or of a cluster."""

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray
import ray._private.worker
from ray.exceptions import RayError, WorkerCrashedError

from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError, EvoPoseError, SearchError
from evopose2d.evolution.individuals.configuration import with_absolute_paths
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.working.cluster.connection import start_ray
from evopose2d.evolution.working.cluster.data_server import offer_data
from evopose2d.evolution.working.cluster.machines import Machine, Machines, demand
from evopose2d.evolution.working.cluster.monitor import RayMonitor, answers_at, answers_in
from evopose2d.evolution.working.cluster.outcomes import is_suspect, lost, ray_ended, unfit
from evopose2d.evolution.working.cluster.probe import JoinProbes, hosts_without_processes, on_node
from evopose2d.evolution.working.engine import Fault, Lost, MachineState, ParentWeights, Trained, Trainer
from evopose2d.evolution.working.individual import train_individual
from evopose2d.evolution.working.reaper import ProcessReaper
from evopose2d.evolution.working.scratch import driver_scratch, search_key
from evopose2d.evolution.working.worker import WorkerPlace, end_worker, work, worker_environment

logger = logging.getLogger(__name__)

_PARENTS_KEPT = 8  # whose weights stay in Ray's object store
_NEEDED = ("gcs_server", "raylet")
_GCS_PATIENCE = 10.0  # seconds in which one that is restarted, as with Redis, comes back


@dataclass(frozen=True)
class _Task:
    """An individual that is being trained on a machine."""

    number: int
    machine: Machine


class RayEngine:
    """Trains individuals through Ray; leave it to end what it started.

    Each individual goes to a machine that this engine chooses, so it knows who trains where: what was on a machine that
    is gone is given up as soon as the cluster says so, and a machine that cannot train gets no more.

    Args:
        params: the search's settings; on a cluster, machines without the data fetch them from this one.
        trainer: trains an individual; workers must be able to import it.
    """

    def __init__(self, params: Params, trainer: Trainer = train_individual) -> None:
        self._evolve = params.evolve
        self._trainer = trainer
        self._params = with_absolute_paths(params)
        self._alone = params.evolve.ray_address is None
        self._running: dict[Any, _Task] = {}
        self._given_up: list[Trained | Lost] = []
        self._parents: OrderedDict[int, Any] = OrderedDict()
        self._task: Any = None
        self._shared: tuple[Any, Any] = (None, None)
        self._machines = Machines(params.evolve)
        self._monitor: RayMonitor | None = None
        self._probes: JoinProbes | None = None
        self._place = WorkerPlace(None, search_key(Path(params.evolve.root)))
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _connect(self) -> None:
        """Start or join Ray when the first individual comes: a search that is at its end needs none."""
        if self._task is not None:
            return
        logger.info("starting workers")
        scratch = self._exit.enter_context(driver_scratch(Path(self._evolve.root)))
        self._exit.enter_context(ProcessReaper(scratch))
        start_ray(self._evolve.ray_address, scratch)
        self._exit.callback(ray.shutdown)
        if self._alone:
            self._place = WorkerPlace(str(scratch), self._place.search)
        devices = {
            "num_gpus": self._evolve.gpus,
            "resources": {"TPU": self._evolve.tpus} if self._evolve.tpus else None,
            "max_retries": 0,
        }
        offered = None if self._alone else offer_data(self._params)
        self._shared = (ray.put(self._params), ray.put(offered))
        self._meet_machines()
        self._task = ray.remote(num_cpus=self._evolve.cpus, max_calls=self._evolve.tasks_per_worker, **devices)(work)
        self._check_room()

    def _meet_machines(self) -> None:
        if self._alone:
            for machine in self._machines.update(ray.nodes())[0]:
                self._machines.admit(machine.node)  # it runs what runs here
            return
        node = ray._private.worker._global_node
        host, _, port = node.gcs_address.rpartition(":")
        raylet = node.raylet_socket_name
        present = {
            "raylet": (lambda: answers_in(raylet), 0.0),
            "GCS": (lambda: answers_at(host.strip("[]"), int(port)), _GCS_PATIENCE),
        }
        self._probes = JoinProbes([self._trainer.__module__] if hasattr(self._trainer, "__module__") else [])
        self._monitor = self._exit.enter_context(RayMonitor(present, ray.nodes))
        self._follow_machines()

    @property
    def slots(self) -> int:
        """How many individuals can be trained at once: as many as their resources fit into the machines."""
        self._connect()
        return self._machines.room

    @property
    def machines(self) -> list[MachineState]:
        """The machines that are there."""
        return [
            MachineState(
                each.host, each.room, each.standing.value, each.reason, tuple(sorted(each.running)), each.trained
            )
            for each in self._machines
        ]

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """Start to train an individual.

        Raises:
            SearchError: the parent's weights cannot be read.
        """
        self._connect()
        weights = None if parent is None else self._parent_weights(parent)
        params, offered = self._shared
        machine = self._machines.place(spec.number)
        environment = worker_environment(self._evolve.threads, self._evolve.gpus)
        reference = self._task.options(scheduling_strategy=on_node(machine.node)).remote(
            self._trainer, spec, params, weights, environment, offered, self._place
        )
        self._running[reference] = _Task(spec.number, machine)

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """Return what has come of individuals since the last call; wait for the first one at most ``timeout`` seconds.

        Raises:
            SearchError: Ray has ended, which would end this process without a word some time later; or no machine of
                the cluster can run the project.
        """
        self._check_ray()
        self._follow_machines()
        if self._given_up:
            given_up, self._given_up = self._given_up, []
            return given_up
        if not self._running:
            time.sleep(timeout)
            return []
        references = list(self._running)
        ready, _ = ray.wait(references, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:
            ready, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
        barren: dict[str, list[str]] = {}  # starts a process: once a machine for all that have died by now
        return [self._collect(reference, barren) for reference in ready]

    def give_up(self, number: int, error: str) -> None:
        """End an individual's training, which counts as a failed attempt; its machine gets a fresh worker."""
        for reference, task in self._running.items():
            if task.number == number:
                ending = ray.remote(num_cpus=0, max_retries=0)(end_worker)
                ending.options(scheduling_strategy=on_node(task.machine.node)).remote(self._place, number)
                del self._running[reference]
                self._note_failure(task, error, suspect=True)
                self._given_up.append(Lost(number, error))
                return

    def _check_ray(self) -> None:
        if self._monitor is not None and self._monitor.ended:
            raise ray_ended(self._monitor.ended)
        node = ray._private.worker._global_node
        for name, _ in [] if node is None else node.dead_processes():
            if name in _NEEDED:
                raise ray_ended(name)

    def _follow_machines(self) -> None:
        """Ask machines that have joined what they are, and give up what was on those that are gone."""
        if self._monitor is None or self._probes is None:
            return
        joined, gone = self._machines.update(self._monitor.nodes)
        for machine in joined:
            self._probes.ask(machine.node)
        for machine in gone:
            logger.warning("%s has left the cluster", machine.host)
            self._give_up_departed(machine)
        for node, reason in self._probes.answers().items():
            if reason:
                self._leave_out(node, reason)
            else:
                self._machines.admit(node)
        if not self._running and self._machines.hopeless:
            raise self._no_machine()

    def _give_up_departed(self, machine: Machine) -> None:
        for reference, task in [*self._running.items()]:
            if task.machine is machine:
                del self._running[reference]
                error = f"its machine {machine.host} is gone"
                self._given_up.append(Lost(task.number, error, fault=Fault.DEPARTURE))

    def _collect(self, reference: Any, barren: dict[str, list[str]]) -> Trained | Lost:  # noqa: ANN401 - Ray's
        task = self._running.pop(reference)
        machine = task.machine
        try:
            result, weights = ray.get(reference)
        except RayError as error:
            if isinstance(error, WorkerCrashedError) and machine.node not in barren:
                barren[machine.node] = hosts_without_processes({machine.node: machine.host})
            return self._failed(task, error, barren.get(machine.node, []))
        self._machines.succeeded(task.number, machine)
        return Trained(task.number, result, weights)

    def _failed(self, task: _Task, error: RayError, barren: list[str]) -> Lost:
        barren = barren if isinstance(error, WorkerCrashedError) else []
        outcome = lost(task.number, error, alone=self._alone, barren=barren)
        reason = "" if self._alone and barren else unfit(error, outcome, barren)
        if not reason:
            self._note_failure(task, outcome.error, suspect=is_suspect(error) and outcome.fault is not Fault.DEPARTURE)
            return outcome
        self._machines.failed(task.number, task.machine, suspect=False)
        if self._alone:
            return replace(outcome, mendable=outcome.mendable or SearchError(f"this machine {reason}"))
        self._leave_out(task.machine.node, reason)
        error = f"{task.machine.host}: {outcome.error}"
        hopeless = self._no_machine() if self._machines.hopeless else None
        return replace(outcome, error=error, mendable=hopeless, fault=Fault.DEPARTURE)

    def _note_failure(self, task: _Task, error: str, *, suspect: bool) -> None:
        if self._machines.failed(task.number, task.machine, suspect=suspect) and not self._alone:
            count = len(task.machine.failed)
            self._leave_out(task.machine.node, f"failed {count} individuals in a row, the last by: {error}")

    def _leave_out(self, node: str, reason: str) -> None:
        machine = self._machines.leave_out(node, reason)
        if machine is not None:
            logger.warning("%s is left out: %s", machine.host, reason)

    def _no_machine(self) -> EvoPoseError:
        reasons = "; ".join(f"{each.host}: {each.reason}" for each in self._machines.hopeless)
        return SearchError(f"no machine of the cluster can train individuals: {reasons}")

    def _parent_weights(self, parent: ParentWeights) -> Any:  # noqa: ANN401 - Ray's reference
        """Put a parent's weights into Ray once for all of its children."""
        if parent.number not in self._parents:
            try:
                self._parents[parent.number] = ray.put(parent.path.read_bytes())
            except OSError as error:
                raise SearchError(
                    f"{parent.path}: cannot be read ({error.strerror}), its children cannot inherit; "
                    "where it is gone, the same command trains it again"
                ) from None
        self._parents.move_to_end(parent.number)
        if len(self._parents) > _PARENTS_KEPT:
            self._parents.popitem(last=False)
        return self._parents[parent.number]

    def _check_room(self) -> None:
        """Refuse what can never run here; a cluster may still grow."""
        available: Mapping[str, float] = ray.cluster_resources()
        if available.get("GPU", 0) and not self._evolve.gpus:
            logger.warning("individuals train on CPUs, although there are GPUs: set evolve.gpus to use them")
        if list(self._machines):
            return
        for name, (resource, amount) in zip(("cpus", "gpus", "tpus"), demand(self._evolve).items(), strict=False):
            if available.get(resource, 0) < amount:
                message = f"evolve.{name}: got {amount:g}, but there are only {available.get(resource, 0):g} here"
                if self._alone:
                    raise ConfigError(message)
                logger.warning("%s; waiting for machines to join the cluster", message)

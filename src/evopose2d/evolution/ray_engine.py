"""Individuals as Ray tasks: in processes of this machine, or of a cluster."""

import logging
import math
import signal
import socket
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import ray
import ray._private.worker
from ray.exceptions import RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from evopose2d.config.schema import EvolveConfig, Params
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.configuration import with_absolute_paths
from evopose2d.evolution.engine import Lost, ParentWeights, Trained, Trainer
from evopose2d.evolution.individual import train_individual
from evopose2d.evolution.ray_outcomes import lost, one_line, ray_ended
from evopose2d.evolution.ray_probe import machines_without_processes
from evopose2d.evolution.reaper import ProcessReaper
from evopose2d.evolution.shipping import DataManifest, FileServer, data_files, manifest_of
from evopose2d.evolution.spec import IndividualSpec
from evopose2d.evolution.worker import work, worker_environment

logger = logging.getLogger(__name__)

_OBJECT_STORE_BYTES = 256 * 1024**2  # weights in transit; Ray moves to disk what goes beyond
_PARENTS_KEPT = 8  # whose weights stay in Ray's object store
_SLOTS_SECONDS = 10.0  # for which a count of a cluster's slots holds
_JOIN_SECONDS = 10.0
_NEEDED = ("gcs_server", "raylet")


class RayEngine:
    """Trains individuals through Ray; leave it to end what it started.

    Args:
        params: the search's settings; on a cluster, machines without the data fetch them from this one.
        trainer: trains an individual; workers must be able to import it.
    """

    def __init__(self, params: Params, trainer: Trainer = train_individual) -> None:
        self._evolve = params.evolve
        self._trainer = trainer
        self._params = with_absolute_paths(params)
        self._running: dict[Any, int] = {}
        self._parents: OrderedDict[int, Any] = OrderedDict()
        self._task: Any = None
        self._shared: tuple[Any, Any] = (None, None)
        self._slots = 0
        self._slots_until = -math.inf
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
        self._exit.enter_context(ProcessReaper())
        _start(self._evolve)
        self._exit.callback(ray.shutdown)
        devices = {
            "num_gpus": self._evolve.gpus,
            "resources": {"TPU": self._evolve.tpus} if self._evolve.tpus else None,
            "max_retries": 0,
        }
        self._task = ray.remote(num_cpus=self._evolve.cpus, max_calls=self._evolve.tasks_per_worker, **devices)(work)
        offered = None if self._evolve.ray_address is None else _offer_data(self._params)
        self._shared = (ray.put(self._params), ray.put(offered))
        self._check_room()

    @property
    def slots(self) -> int:
        """How many individuals can be trained at once: as many as their resources fit into the machines."""
        self._connect()
        if time.monotonic() > self._slots_until:
            room = sum(_fitting(node["Resources"], _demand(self._evolve)) for node in ray.nodes() if node["Alive"])
            self._slots = min(room, self._evolve.workers) if self._evolve.workers else room
            self._slots_until = time.monotonic() + _SLOTS_SECONDS
        return self._slots

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """Start to train an individual.

        Raises:
            SearchError: the parent's weights cannot be read.
        """
        self._connect()
        weights = None if parent is None else self._parent_weights(parent)
        params, offered = self._shared
        environment = worker_environment(self._evolve.threads)
        reference = self._task.remote(self._trainer, spec, params, weights, environment, offered)
        self._running[reference] = spec.number

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """Give what has come of individuals since the last call; wait for the first one at most ``timeout`` seconds.

        Raises:
            SearchError: Ray has ended on this machine. It would end this process without a word, some time later.
        """
        self._check_ray()
        if not self._running:
            time.sleep(timeout)
            return []
        references = list(self._running)
        ready, _ = ray.wait(references, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:
            ready, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
        probe = cache(machines_without_processes)  # starts processes everywhere: once for all that have died by now
        return [self._collect(reference, probe) for reference in ready]

    def _check_ray(self) -> None:
        node = ray._private.worker._global_node
        for name, _ in [] if node is None else node.dead_processes():
            if name in _NEEDED:
                raise ray_ended(name)

    def _collect(self, reference: Any, probe: Callable[[], list[str]]) -> Trained | Lost:  # noqa: ANN401 - Ray's
        number = self._running.pop(reference)
        try:
            result, weights = ray.get(reference)
        except RayError as error:
            barren = probe() if isinstance(error, WorkerCrashedError) else []
            return lost(number, error, alone=self._evolve.ray_address is None, barren=barren)
        return Trained(number, result, weights)

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
        if ray.cluster_resources().get("GPU", 0) and not self._evolve.gpus:
            logger.warning("individuals train on CPUs, although there are GPUs: set evolve.gpus to use them")
        if self.slots:
            return
        available = ray.cluster_resources()
        for name, (resource, amount) in zip(("cpus", "gpus", "tpus"), _demand(self._evolve).items(), strict=False):
            if available.get(resource, 0) < amount:
                message = f"evolve.{name}: got {amount:g}, but there are only {available.get(resource, 0):g} here"
                if self._evolve.ray_address is None:
                    raise ConfigError(message)
                logger.warning("%s; waiting for machines to join the cluster", message)


def _start(evolve: EvolveConfig) -> None:
    # Ray would exit at once on SIGTERM; the search stops between two steps.
    handler = signal.getsignal(signal.SIGTERM)
    if evolve.ray_address is None:
        _start_alone()
    else:
        _join(evolve.ray_address)
    # Ray prints on standard output when a worker dies, in many lines; the driver says so in one.
    ray._private.worker._worker_logs_enabled = False
    signal.signal(signal.SIGTERM, handler)


def _start_alone() -> None:
    """Start Ray on this machine.

    Raises:
        SearchError: it does not start.
    """
    try:
        ray.init(
            address="local",
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # noqa: BLE001 - Ray raises no narrower one
        raise SearchError(
            f"Ray cannot start on this machine; is the disk of {tempfile.gettempdir()} full? {one_line(str(error))}"
        ) from None


def _join(address: str) -> None:
    """Join a cluster.

    Raises:
        SearchError: it is not there. Ray itself would try for ten minutes.
    """
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        if place.hostname is not None and place.port is not None:
            socket.create_connection((place.hostname, place.port), timeout=_JOIN_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise SearchError(f"evolve.ray_address: cannot join {address}: {one_line(str(error))}") from None


def _offer_data(params: Params) -> DataManifest:
    """Let the cluster's machines read the search's data from this one."""
    files = data_files(params)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    server = ray.remote(num_cpus=0, max_restarts=-1)(FileServer).options(scheduling_strategy=here).remote(files)
    return manifest_of(files, RemoteRead(server))


@dataclass(frozen=True)
class RemoteRead:
    """Reads a file through the actor on the driver's machine.

    Attributes:
        server: handle of a ``FileServer``.
    """

    server: Any

    def __call__(self, name: str, start: int, size: int) -> bytes:
        """Give at most ``size`` bytes of a file, from ``start`` on."""
        content: bytes = ray.get(self.server.read.remote(name, start, size))
        return content


def _demand(evolve: EvolveConfig) -> dict[str, float]:
    return {"CPU": evolve.cpus, "GPU": evolve.gpus, "TPU": evolve.tpus}


def _fitting(resources: Mapping[str, float], demand: Mapping[str, float]) -> int:
    """Count how many individuals fit into a machine.

    Fractions are counted in ten-thousandths, as Ray does: 0.1 fits ten times into 1.
    """
    units = {name: round(amount * 10_000) for name, amount in demand.items() if amount > 0}
    return min(round(resources.get(name, 0) * 10_000) // amount for name, amount in units.items())

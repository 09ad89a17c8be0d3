"""Starting Ray on this machine, or joining a cluster, and what is said where that fails."""

import logging
import os
import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import ray
import ray._private.services
import ray._private.worker
from ray.exceptions import AuthenticationError

from evopose2d.errors import SearchError
from evopose2d.evolution.working.cluster.authentication import is_open, refuses_us
from evopose2d.evolution.working.cluster.outcomes import one_line

logger = logging.getLogger(__name__)

_OBJECT_STORE_BYTES = 256 * 1024**2  # weights in transit; Ray moves to disk what goes beyond
_JOIN_SECONDS = 10.0
_FULL_BYTES = 64 * 1024**2  # Ray starts no process on a disk with less


def start_ray(address: str | None, scratch: Path) -> None:
    """Start Ray on this machine, or join a cluster.

    Args:
        address: of a cluster; None starts Ray here, on the loopback alone.
        scratch: folder for Ray's files where it is started here.

    Raises:
        SearchError: it does not start, or the cluster cannot be joined.
    """
    # Ray would exit at once on SIGTERM; the search stops between two steps.
    handler = signal.getsignal(signal.SIGTERM)
    if address is None:
        _start_alone(scratch)
    else:
        _join(address)
        if is_open(ray.get_runtime_context().gcs_address):
            logger.warning(
                "the cluster runs without authentication: whoever reaches its ports can run programs on its machines; "
                "start it with RAY_AUTH_MODE=token"
            )
    # Ray prints on standard output when a worker dies, in many lines; the driver says so in one.
    ray._private.worker._worker_logs_enabled = False
    signal.signal(signal.SIGTERM, handler)


def _start_alone(scratch: Path) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=_processors(),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(scratch / "ray"),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # noqa: BLE001 - Ray raises no narrower one
        free = shutil.disk_usage(scratch).free
        full = f"the disk of {scratch.parent} is full ({free / 1e6:.0f} MB free); " if free < _FULL_BYTES else ""
        raise SearchError(f"Ray cannot start on this machine: {full}{one_line(str(error))}") from None


def _processors() -> int | None:
    """Return how many processors this process keeps to; None where it may use all, which Ray counts by itself."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return None if allowed == os.cpu_count() else allowed


def _join(address: str) -> None:
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        if place.hostname is not None and place.port is not None:
            socket.create_connection((place.hostname, place.port), timeout=_JOIN_SECONDS).close()
        # Ray itself would look for a minute before it says that it failed to connect.
        if not ray._private.services.find_node_ids():
            raise SearchError(
                f"evolve.ray_address: this machine is no part of the cluster at {address}; join it first: "
                f"ray start --address={address} --num-cpus=0 (with --num-cpus=0 it trains nothing itself)"
            )
        if place.port is not None and refuses_us(place.netloc):
            raise AuthenticationError(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except AuthenticationError:
        raise SearchError(
            f"evolve.ray_address: the cluster at {address} takes another token, or this machine has none; put the "
            "head's into ~/.ray/auth_token or RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise SearchError(f"evolve.ray_address: cannot join {address}: {one_line(str(error))}") from None

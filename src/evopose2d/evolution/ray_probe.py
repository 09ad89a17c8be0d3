"""Whether machines can run a process at all, asked when one has died."""

import uuid
from typing import Any

import ray
from ray.exceptions import RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_SECONDS = 30.0  # a machine that takes longer may be busy, and is not blamed


def machines_without_processes() -> list[str]:
    """Start a process that does nothing on each machine, and name the hosts on which it dies.

    An individual whose network is too much for a machine dies alone. Where the disk of Ray's temporary folder is
    full, every process dies within a second, and one individual after the other would use up its attempts.
    """
    task = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(_do_nothing)
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            # An environment of its own takes a fresh process: one that is already there may well live on.
            fresh = {"env_vars": {"EVOPOSE2D_PROBE": uuid.uuid4().hex}}
            reference = task.options(scheduling_strategy=there, runtime_env=fresh).remote()
            asked[reference] = node["NodeManagerHostname"]
    ended, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_SECONDS)
    return sorted({asked[reference] for reference in ended if _died(reference)})


def _do_nothing() -> None:
    pass


def _died(reference: Any) -> bool:  # noqa: ANN401 - Ray's reference
    try:
        ray.get(reference)
    except WorkerCrashedError:
        return True
    except RayError:  # such as a machine that has left meanwhile
        return False
    return False

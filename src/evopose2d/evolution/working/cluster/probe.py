"""Whether machines can run the project, asked when they join, and a process at all, asked when one has died."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from evopose2d.evolution.working.cluster import report as ray_report
from evopose2d.evolution.working.cluster.outcomes import one_line

_SECONDS = 30.0  # a machine that takes longer may be busy, and is not blamed
_IMPORTED = ("evopose2d.evolution.working.worker", "evopose2d.evolution.working.individual")


def on_node(node: str) -> NodeAffinitySchedulingStrategy:
    """Return where a task runs that is to run on one machine alone."""
    return NodeAffinitySchedulingStrategy(node, soft=False)


class JoinProbes:
    """Asks machines that have joined what they are, without waiting for the answers.

    Args:
        modules: what a worker imports, besides the project's own.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        # By value: a machine without the project could not even read a function of it.
        cloudpickle.register_pickle_by_value(ray_report)
        self._task = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(ray_report.describe_machine)
        self._modules = (*_IMPORTED, *modules)
        self._here = ray_report.describe_machine()
        self._asked: dict[Any, str] = {}

    def ask(self, node: str) -> None:
        """Start to ask a machine."""
        self._asked[self._task.options(scheduling_strategy=on_node(node)).remote(self._modules)] = node

    def answers(self) -> dict[str, str]:
        """Return, for each machine that has answered since the last call, why it cannot be used; "" where it can."""
        if not self._asked:
            return {}
        ready, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        return {self._asked.pop(reference): self._judge(reference) for reference in ready}

    def _judge(self, reference: Any) -> str:  # noqa: ANN401 - Ray's reference
        try:
            there: Mapping[str, str] = ray.get(reference)
        except RayError as error:
            return f"cannot run a process ({one_line(str(error))})"
        return there.get("error") or differences(self._here, there)


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Tell what a machine has otherwise than the driver's; "" where all is the same."""
    other = [
        f"{name} {there.get(name)} (the driver has {here[name]})" for name in here if there.get(name) != here[name]
    ]
    return f"has other versions: {', '.join(other)}" if other else ""


def hosts_without_processes(nodes: Mapping[str, str]) -> list[str]:
    """Start a process that does nothing on each machine, and return the hosts on which it dies.

    An individual whose network is too much for a machine dies alone. Where the disk of Ray's temporary folder is
    full, every process dies within a second, and one individual after the other would use up its attempts.

    Args:
        nodes: host by node.
    """
    task = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(_do_nothing)
    asked = {}
    for node, host in nodes.items():
        # An environment of its own takes a fresh process: one that is already there may well live on.
        fresh = {"env_vars": {"EVOPOSE2D_PROBE": uuid.uuid4().hex}}
        asked[task.options(scheduling_strategy=on_node(node), runtime_env=fresh).remote()] = host
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

"""A search on hosts with networks of their own, as far as one machine can have them: Linux's network namespaces."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from broken_searches import MARK, check_nothing_lost
from process_marks import kill_marked
from search_doubles import trained

_HEALTH_CHECKS = {  # as docs/cluster.md has them
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Hosts:
    """Hosts that reach each other through a switch, of the first of which commands are run."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._id = f"evo{os.getpid()}"
        self._names: list[str] = []
        _ip("netns", "add", self._id)  # where the switch stands
        _ip("-n", self._id, "link", "add", "switch", "type", "bridge")
        _ip("-n", self._id, "link", "set", "switch", "up")

    def add(self) -> int:
        """Return the number of a new host, from 1 on, which is the end of its address."""
        number, name = len(self._names) + 1, f"{self._id}-{len(self._names) + 1}"
        self._names.append(name)
        _ip("netns", "add", name)
        _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{number}", "netns", self._id)
        _ip("-n", self._id, "link", "set", f"port{number}", "master", "switch", "up")
        _ip("-n", name, "address", "add", f"{address(number)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return number

    def unplug(self, number: int) -> None:
        """Cut a host off without a word: no connection is closed."""
        _ip("-n", self._id, "link", "set", f"port{number}", "down")

    def inside(self, number: int) -> list[str]:
        """Return the command within which others run on a host."""
        return ["ip", "netns", "exec", self._names[number - 1]]

    def ray(self, number: int, *arguments: str) -> None:
        """Start Ray on a host."""
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--node-ip-address={address(number)}"]
        environment = {**os.environ, **_HEALTH_CHECKS, MARK: self._mark}
        subprocess.run(
            [*self.inside(number), *ray, *arguments],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=300,
        )

    def remove(self) -> None:
        """End what runs on the hosts, and take them away."""
        kill_marked(MARK, self._mark)
        for name in (*self._names, self._id):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def address(number: int) -> str:
    """Return a host's address, of those that are set apart for documentation."""
    return f"192.0.2.{number}"


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    # Of a token that the user may have; the network is nobody's but the test's.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    try:
        made = Hosts(f"{tmp_path} hosts")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("hosts of their own network need Linux, ip and root's rights")
    yield made
    made.remove()


def test_what_a_host_trained_that_vanished_is_trained_on_another(hosts, start, unbroken, tmp_path):
    head, first, second = (hosts.add() for _ in range(3))
    hosts.ray(head, "--head", "--include-dashboard=false", "--port=6379", "--num-cpus=0")
    for number in (first, second):
        hosts.ray(number, f"--address={address(head)}:6379", "--num-cpus=1")
    running = start(
        engine="ray",
        seconds=2.0,
        inside=hosts.inside(head),
        overrides=[f"evolve.ray_address={address(head)}:6379", "evolve.attempts=1"],
    )
    running.wait_until_training(2)
    hosts.unplug(second)
    code, errors = running.wait()
    assert code == 0, errors
    assert "it is trained again" in errors and "has left the cluster" in errors
    assert "attempt" not in errors
    twice = Counter(trained(tmp_path / "broken/notes"))
    twice.subtract(set(twice))  # the host that was cut off went on by itself
    assert sum(twice.values()) <= 1
    check_nothing_lost(tmp_path / "broken", unbroken(), retrained=+twice)

"""What is said where Ray does not start, or a cluster cannot be joined."""

import shutil
import socket
from types import SimpleNamespace

import pytest
import ray
import ray._private.services

from evopose2d.errors import SearchError
from evopose2d.evolution.working.cluster.connection import start_ray
from evopose2d.evolution.working.cluster.probe import differences


def test_a_machine_that_has_not_joined_is_told_to_join_first(tmp_path, monkeypatch):
    monkeypatch.setattr(ray._private.services, "find_node_ids", set)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(
            SearchError, match=r"this machine is no part of the cluster .*; join it first: ray start --a"
        ):
            start_ray(address, tmp_path)


@pytest.mark.parametrize(("free", "told"), [(1e6, True), (1e9, False)])
def test_a_full_disk_is_told_where_it_is_full_alone(tmp_path, monkeypatch, free, told):
    def fail(**options):
        raise RuntimeError("The GCS is gone.")

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    with pytest.raises(SearchError, match=r"Ray cannot start on this machine: .*The GCS is gone") as raised:
        start_ray(None, tmp_path)
    assert ("is full (1 MB free)" in str(raised.value)) == told


def test_other_versions_are_named():
    here = {"Python": "3.11.7", "keras": "3.12.0"}
    assert differences(here, dict(here)) == ""
    other = differences(here, {"Python": "3.11.7", "keras": "3.11.0"})
    assert other == "has other versions: keras 3.11.0 (the driver has 3.12.0)"

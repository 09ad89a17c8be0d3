"""The search's data, served by an actor on the driver's machine."""

from dataclasses import dataclass
from typing import Any

import ray

from evopose2d.config.schema import Params
from evopose2d.evolution.working.cluster.probe import on_node
from evopose2d.evolution.working.shipping import DataManifest, FileServer, data_files, manifest_of


def offer_data(params: Params) -> DataManifest:
    """Let the cluster's machines read the search's data from this one.

    Raises:
        DataError: the data are missing.
    """
    files = data_files(params)
    here = on_node(ray.get_runtime_context().get_node_id())
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
        """Return at most ``size`` bytes of a file, from ``start`` on."""
        content: bytes = ray.get(self.server.read.remote(name, start, size))
        return content

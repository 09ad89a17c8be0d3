"""Open the engine that trains a search's individuals."""

import os
import secrets
from contextlib import AbstractContextManager

from evopose2d.config.schema import EvolveConfig, Params
from evopose2d.evolution.working.engine import Engine, Trainer
from evopose2d.evolution.working.individual import train_individual


def ray_workers(params: Params, trainer: Trainer = train_individual) -> AbstractContextManager[Engine]:
    """Return workers of this machine, or of the cluster that ``evolve.ray_address`` names.

    Args:
        params: the search's settings.
        trainer: trains an individual; workers must be able to import it.
    """
    _set_environment(params.evolve)
    # Ray reads its environment when it is imported.
    from evopose2d.evolution.working.cluster.engine import RayEngine

    return RayEngine(params, trainer)


def _set_environment(evolve: EvolveConfig) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray warns of a change that does not concern tasks that say how many GPUs they take.
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    if evolve.ray_address is None:
        # Where clusters are off, Ray listens on the loopback address alone; otherwise on all, for anyone.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Other users of this machine reach the loopback too, but not this token. Ray asks for one where nothing else is
        # said, and would keep it in the home folder, which may not be writable.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    else:
        # A machine that vanishes without a word closes no connection: Ray would ask after five minutes.
        os.environ.setdefault("RAY_grpc_client_keepalive_time_ms", "20000")
        os.environ.setdefault("RAY_grpc_client_keepalive_timeout_ms", "10000")

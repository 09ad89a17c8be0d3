"""Have the best individual's network registered as an MLflow model, by a process that may import TensorFlow."""

import logging
import os
import subprocess
import sys

from evopose2d.config.schema import Params
from evopose2d.errors import DataError
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.evolution.results.finished_network import finished_network
from evopose2d.evolution.tracking.registration import RegistrationRequest, service_of
from evopose2d.evolution.working.reaper import ProcessReaper
from evopose2d.tracking.models import Champion, registered_version
from evopose2d.tracking.search_runs import SearchRuns

logger = logging.getLogger(__name__)

REGISTERED_NAME = "evopose2d-champion"
_MODULE = "evopose2d.evolution.tracking.registration"
# Would make MLflow log into another run or experiment than the one that is named.
_NOT_INHERITED = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
_PATIENCE = 1800.0  # seconds; a network of hundreds of megabytes may go to a distant store


def champion_to_register(params: Params, archive: SearchArchive, runs: SearchRuns) -> RegistrationRequest | None:
    """Look for what is to be registered of a search.

    Args:
        params: for where to log, and for where the records lie.
        archive: the search.
        runs: the search in MLflow.

    Returns:
        The best individual's network; None where it is registered, or cannot be, of which a warning tells.

    Raises:
        Exception: of any kind, from MLflow or its stores; see ``connection.answering``.
    """
    best = archive.best(1)
    if not best or best[0].number not in archive.results or not SearchStore(archive.root).is_whole(best[0].number):
        return None
    return registration_request(params, archive, runs, archive.results[best[0].number], REGISTERED_NAME)


def registration_request(
    params: Params, archive: SearchArchive, runs: SearchRuns, result: IndividualResult, name: str
) -> RegistrationRequest | None:
    """Return what is to be registered of an individual.

    Args:
        params: for where to log, and for where the records lie.
        archive: the search.
        runs: the search in MLflow.
        result: of the individual.
        name: of the registered model.

    Returns:
        Its network; None where it is registered, or cannot be, of which a warning tells.

    Raises:
        Exception: of any kind, from MLflow or its stores; see ``connection.answering``.
    """
    champion = Champion(
        name=name,
        experiment=runs.experiment,
        run_id=runs.run_id,
        search=archive.id,
        individual=result.number,
        tags={"fitness": f"{result.fitness:.6g}", "AP": f"{result.ap:.6g}", "genotype": str(result.genotype)},
        description=f"{runs.link(result.number)}: fitness {result.fitness:.4g}, AP {result.ap:.3f}, "
        f"{result.parameters / 1e6:.2f} M parameters.",
    )
    if all(registered_version(runs.client, each) is not None for each in (champion, service_of(champion))):
        return None
    try:
        network = finished_network(params, archive, result)
    except DataError as error:
        logger.warning("the champion has not been registered: %s", error)
        return None
    return RegistrationRequest(params.tracking, champion, network)


def register_champion(request: RegistrationRequest) -> bool:
    """Log and register a champion; return whether that was done.

    A failure is a warning. The process that does it ends with this one, however that ends.
    """
    logger.info("registering individual %d", request.champion.individual)
    try:
        with ProcessReaper():
            finished = subprocess.run(
                [sys.executable, "-m", _MODULE],
                input=request.to_json(),
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=_PATIENCE,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("the champion has not been registered: %s", error)
        return False
    if finished.returncode != 0:
        said = finished.stderr.strip().splitlines() or [f"its process ended with status {finished.returncode}"]
        logger.warning("the champion has not been registered: %s", said[-1])
        return False
    logger.info("registered as %s, version %s", request.champion.name, finished.stdout.split()[-1])
    return True


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    # It needs no device, and must not take one.
    return inherited | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}

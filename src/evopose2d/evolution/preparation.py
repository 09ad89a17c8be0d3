"""The data of a search, made through DVC before anything is searched."""

import logging
import os
import subprocess
import sys
from pathlib import Path

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.errors import DataError
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.working.reaper import ProcessReaper

logger = logging.getLogger(__name__)

_STAGE = "write_tfrecords"


def bring_data_up_to_date(params: Params, project: Path) -> None:
    """Have DVC make the records of a search that is about to start, as far as they are missing or outdated.

    DVC obeys ``params.yaml`` alone: where the search was given other settings of the data, or stands in no DVC
    project, the data are taken as they are. So they are by a search that goes on, which refuses changed data.

    Args:
        params: the search's settings.
        project: folder with ``dvc.yaml`` and ``params.yaml``.

    Raises:
        ConfigError: the search could not start with these settings.
        DataError: DVC did not come to its end; it has said why.
    """
    if (Path(params.evolve.root) / "search.json").exists() or not (project / "dvc.yaml").is_file():
        return
    check_search(params)
    filed = load_params(project / "params.yaml")
    if (filed.dataset, filed.download, filed.write_tfrecords) != (
        params.dataset,
        params.download,
        params.write_tfrecords,
    ):
        logger.info("the data's settings are not those of params.yaml: DVC is left out, the data are taken as they are")
        return
    logger.info("dvc repro %s", _STAGE)
    status = _reproduce(project)
    if status != 0:
        raise DataError(f"dvc repro {_STAGE}: ended with status {status}, the search has not been started")


def _reproduce(project: Path) -> int:
    """Run DVC, whose processes end with this one, however that ends; gives its exit status."""
    with ProcessReaper():
        # MLflow would take what the stages log for the run that the project was started in.
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"}
        finished = subprocess.run(
            [sys.executable, "-m", "dvc", "repro", _STAGE],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=False,
        )
    return finished.returncode

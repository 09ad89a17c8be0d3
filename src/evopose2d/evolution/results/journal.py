"""The search's Optuna study, in a journal file that survives a driver killed at any moment."""

import contextlib
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import TrialState

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.store import writing
from evopose2d.evolution.sampler import EvolutionSampler, attach

logger = logging.getLogger(__name__)

STUDY_NAME = "evopose2d"
_LOCK_PATIENCE = 2.0  # seconds


def open_study(path: Path, sampler: EvolutionSampler) -> Study:
    """Open a search's study, or create it; for the driver alone, because it repairs the file.

    Raises:
        SearchError: the file is no journal, or cannot be written.
    """
    # Absolute, because Optuna's lock is a link to it.
    path = path.absolute()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _repair(path)
        _release(path)
        with _readable(path):
            study = optuna.create_study(
                study_name=STUDY_NAME,
                storage=_storage(path),
                sampler=sampler,
                directions=_directions(sampler),
                load_if_exists=True,
            )
            _name_objectives(study, [each.name for each in sampler.settings.targets])
            return study


def study_in_memory(sampler: EvolutionSampler) -> Study:
    """Create a study that ends with the process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(study_name=STUDY_NAME, sampler=sampler, directions=_directions(sampler))


def read_study(path: Path) -> Study:
    """Open a search's study to read it, while a driver may be running it.

    Raises:
        SearchError: there is none, or the file is no journal.
    """
    if not path.is_file():
        raise SearchError(f"{path}: no such file, no search has been started here")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _readable(path):
        return optuna.load_study(study_name=STUDY_NAME, storage=_storage(path.absolute()))


def fail(study: Study, number: int, error: str) -> None:
    """Finish an individual that could not be trained.

    Raises:
        ValueError: the trial is not running.
    """
    trial = attach(study, number)
    trial.set_user_attr("error", error)
    study.tell(trial, state=TrialState.FAIL)


def _directions(sampler: EvolutionSampler) -> list[str]:
    return [each.direction for each in sampler.settings.targets]


def _name_objectives(study: Study, names: list[str]) -> None:
    """Have drawings and the dashboard name several objectives, which are numbers to them otherwise."""
    if len(names) == 1 or study.metric_names == names:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(names)


def _storage(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise SearchError(f"{path}: is no journal of this search ({error})") from error


def _repair(path: Path) -> None:
    """Cut off a last line that was not written to its end: Optuna would append to it and then read neither."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            logger.warning("%s: the last entry was not written to its end, taken off", path)
            file.truncate(whole)


def _release(path: Path) -> None:
    """Remove the lock that a killed driver left; a dashboard holds it for moments only."""
    lock = Path(f"{path}.lock")
    deadline = time.monotonic() + _LOCK_PATIENCE
    while lock.is_symlink():
        if time.monotonic() > deadline:
            lock.unlink(missing_ok=True)
        time.sleep(0.05)

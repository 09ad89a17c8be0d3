"""How MLflow is reached, and what is said where it is not."""

import contextlib
import logging
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from evopose2d.config.schema import TrackingConfig
from evopose2d.errors import EvoPoseError
from evopose2d.tracking.interrupts import held_interrupts

# The defaults of MLflow, and of the client of S3, wait minutes for a server that is down, again for every call.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "AWS_MAX_ATTEMPTS": "2",
}
_SQLITE = "sqlite:///"
_DEFAULT_DATABASE = "sqlite:///mlflow.db"
_LOCAL_PAGE = "http://127.0.0.1:5000"
PATIENCE = 10.0  # seconds without a word, after which a server counts as one that does not answer
_LONGEST_MESSAGE = 300
_CHEAPEST = "api/2.0/mlflow/experiments/search?max_results=1"  # of what also asks the database
_APPENDED = re.compile(r" (\[SQL: |\(Background on this error at: ).*")  # by SQLAlchemy: what it asked the database
# Where MLflow logs at length, with a traceback, what it raises besides.
_DATABASE_LOG = "mlflow.store.db.utils"

logger = logging.getLogger(__name__)

# Lets the web page open with training runs instead of language model traces.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


class TrackingError(EvoPoseError):
    """MLflow does not answer, or does not take what it is given."""


class NoAnswerError(TrackingError):
    """MLflow timed out: whatever it is asked next would take as long."""


def connect(config: TrackingConfig) -> MlflowClient:
    """Return a client of the configured address, or of MLflow's own default.

    A database file that is not there yet is made.

    Raises:
        Exception: of any kind, where the database cannot be made or opened; see ``answering``.
    """
    logging.getLogger(_DATABASE_LOG).setLevel(logging.CRITICAL)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    uri = tracking_address(config)
    create_database(uri)
    return MlflowClient(tracking_uri=uri)


def tracking_address(config: TrackingConfig) -> str:
    """Return the configured address, or MLflow's own default."""
    return config.uri or str(mlflow.get_tracking_uri())


def check_answer(uri: str) -> None:
    """Ask a server for next to nothing; any answer will do, and so will an error that MLflow itself would meet at once.

    MLflow's own timeout is long enough for a large file, and applies to every try of every call.

    Args:
        uri: a tracking address; one that is no server's is not asked.

    Raises:
        TimeoutError: nothing was heard for ``PATIENCE`` seconds.
    """
    if not uri.startswith("http"):
        return
    try:
        requests.get(f"{uri.rstrip('/')}/{_CHEAPEST}", timeout=PATIENCE).close()
    except requests.Timeout:
        raise TimeoutError(f"{without_password(uri)} has not answered for {PATIENCE:g} s") from None
    except requests.RequestException:
        return


def create_database(uri: str) -> None:
    """Make MLflow's database where ``uri`` names an SQLite file that is not there; else do nothing.

    It is made beside its place and then put there: MLflow cannot open one whose making was broken off, nor one
    that two processes make at once.
    """
    path = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    if not uri.startswith(_SQLITE) or not path.name or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        MlflowClient(tracking_uri=f"{_SQLITE}{temporary}").search_experiments(max_results=1)
        _publish(temporary, path)


def _publish(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        temporary.replace(path)


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the experiment's id; it is created where missing.

    Raises:
        MlflowException: MLflow does not answer, or the experiment has been deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        return client.create_experiment(name, tags=EXPERIMENT_TAGS)
    for key, value in EXPERIMENT_TAGS.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(found.experiment_id, key, value)
    return found.experiment_id


def web_address(uri: str) -> str:
    """Return where a browser finds what lies at a tracking address: the server itself, or a local ``mlflow ui``."""
    return re.sub("//[^/@]*@", "//", uri).rstrip("/") if uri.startswith("http") else _LOCAL_PAGE


def server_command(uri: str) -> str | None:
    """Return the command that serves a tracking address to a browser; None where a server does already."""
    if uri.startswith("http"):
        return None
    return (
        "mlflow ui"
        if uri == _DEFAULT_DATABASE
        else f"mlflow ui --backend-store-uri {shlex.quote(without_password(uri))}"
    )


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn whatever MLflow raises into one line, and hold Ctrl-C back until it has its record.

    This is the boundary between the project and its tracking: what is not this project's own error is caught here,
    of any kind. MLflow passes on what its database raises and what the client of an artifact store does, such as
    ``ModuleNotFoundError`` where boto3 is not installed, or errors of boto3 that derive from ``Exception`` alone; none
    of them may cost a training that has been tracked until then.

    Raises:
        NoAnswerError: the block raised an error after it had waited for an answer.
        TrackingError: it raised another one.
        EvoPoseError: as the block raised it.
    """
    try:
        with held_interrupts():
            yield
    except EvoPoseError:
        raise
    except Exception as error:  # stores and their clients have no narrower one in common
        logger.debug("MLflow", exc_info=True)
        kind = NoAnswerError if _timed_out(error) else TrackingError
        raise kind(f"MLflow: {_described(error)}") from error


def _described(error: Exception) -> str:
    """Return what went wrong, with the error's kind unless it is MLflow's own or the system's."""
    message = one_line(error)
    if isinstance(error, MlflowException | SQLAlchemyError | OSError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _timed_out(error: BaseException | None) -> bool:
    """Return whether a server, or a database that is locked or away, is what MLflow's error comes from."""
    while error is not None:
        if isinstance(error, TimeoutError | OperationalError):
            return True
        error = error.__cause__ or error.__context__
    return False


def one_line(error: Exception) -> str:
    """Return an error's message in one line, without the password that an address may hold."""
    message = " ".join(str(error).split())
    return without_password(_APPENDED.sub("", message))[:_LONGEST_MESSAGE]


def without_password(address: str) -> str:
    """Blank out user and password in the addresses within a text."""
    return re.sub(r"//[^/@\s]*@", "//***@", address)

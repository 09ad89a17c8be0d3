"""The search directory: what a search has finished, each file whole or absent.

.. code-block:: text

    search.json                  what the search was started with
    study.journal                the Optuna study, which owns genomes, parents, states and fitness
    driver.lock                  held by the one process that runs the search
    individuals/0007/weights.h5  the weights of the individual's best epoch
    individuals/0007/result.json its result with the weights' size and digest, written after them: an individual is
                                 finished once both are there and fit each other
    individuals/0008/failure.json why an individual could not be trained
    finalists/0071/              the same of a finalist: individual 7's network, its training with seed 1
"""

import contextlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.fingerprint import Fingerprint, IntactFiles
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult
from evopose2d.evolution.sampler import Role
from evopose2d.files import is_temporary, replacing, write_json

logger = logging.getLogger(__name__)

_Record = TypeVar("_Record")
_WEIGHTS = "weights"  # key of a result file: the fingerprint of the weight file


class SearchStore:
    """Reads and writes the files of a search.

    Args:
        root: the search directory; made when something is written.
        kind: whose files: ``individuals`` or ``finalists``.
    """

    def __init__(self, root: Path, kind: str = "individuals") -> None:
        self.root = root
        self.kind = kind
        self._intact = IntactFiles()

    @property
    def identity_path(self) -> Path:
        """Where it stands what the search was started with."""
        return self.root / "search.json"

    @property
    def journal_path(self) -> Path:
        """The study's storage."""
        return self.root / "study.journal"

    @property
    def lock_path(self) -> Path:
        """What the driver holds."""
        return self.root / "driver.lock"

    def folder(self, number: int) -> Path:
        """Return an individual's folder."""
        return self.root / self.kind / f"{number:04d}"

    def of(self, role: Role) -> Self:
        """Return the store of individuals of a role: finalists have folders and numbers of their own."""
        kind = "finalists" if role is Role.FINALIST else "individuals"
        return self if kind == self.kind else type(self)(self.root, kind)

    def weights_path(self, number: int) -> Path:
        """Return the file of an individual's weights."""
        return self.folder(number) / "weights.h5"

    def result_path(self, number: int) -> Path:
        """Return the file of an individual's result."""
        return self.folder(number) / "result.json"

    def failure_path(self, number: int) -> Path:
        """Return the file that says why an individual could not be trained."""
        return self.folder(number) / "failure.json"

    def write_weights(self, number: int, weights: bytes) -> None:
        """Write an individual's weights; its result has to be written after them.

        Raises:
            SearchError: the disk does not take them; nothing is left of them.
        """
        path = self.weights_path(number)
        with writing(path), replacing(path) as temporary:
            temporary.write_bytes(weights)

    def write_result(self, result: IndividualResult) -> None:
        """Write an individual's result with the fingerprint of its weights, which declares it finished.

        Raises:
            SearchError: the disk does not take it; nothing is left of it.
        """
        path, weights = self.result_path(result.number), self.weights_path(result.number)
        with writing(path):
            written = {_WEIGHTS: Fingerprint.of(weights).to_json()} if weights.is_file() else {}
            write_json(path, result.to_json() | written)

    def write_failure(self, failure: IndividualFailure) -> None:
        """Write why an individual could not be trained, which declares it failed.

        Raises:
            SearchError: the disk does not take it; nothing is left of it.
        """
        path = self.failure_path(failure.number)
        with writing(path):
            write_json(path, failure.to_json())

    def read_result(self, number: int) -> IndividualResult | None:
        """Read an individual's result; None where it has none, or its weights are missing or cut short.

        A damaged result counts as none. It is kept beside, with a warning. The content of the weights is not looked at,
        see ``read_intact``.

        Raises:
            SearchError: the file is there and cannot be opened.
        """
        found = self._read_sized(number)
        return None if found is None else found[0]

    def read_record(self, number: int) -> IndividualResult | None:
        """Read what was measured of an individual, whatever became of its weights; None where nothing was.

        Raises:
            SearchError: the file is there and cannot be opened.
        """
        found = _read(self.result_path(number), _parse_result)
        return None if found is None else found[0]

    def read_intact(self, number: int) -> IndividualResult | None:
        """As ``read_result``, and None too where the weights are not those that were written with the result.

        A file that has been compared is read again only after it has changed. Results of earlier versions have no
        digest: their weights need only be there.

        Raises:
            SearchError: the result is there and cannot be opened.
        """
        found, path = self._read_sized(number), self.weights_path(number)
        if found is None or found[1] is None or self._intact.holds(path, found[1]):
            return None if found is None else found[0]
        logger.warning("%s: damaged (other SHA-256 than written), individual %d counts as not trained", path, number)
        return None

    def is_whole(self, number: int) -> bool:
        """Return whether an individual's result and weights are there, and hold what was written."""
        return self.read_intact(number) is not None

    def read_failure(self, number: int) -> IndividualFailure | None:
        """Read why an individual could not be trained; None where nothing says so. As ``read_result`` otherwise."""
        return _read(self.failure_path(number), IndividualFailure.from_json)

    def results(self) -> list[IndividualResult]:
        """Read the results of all individuals that have one, by number."""
        numbers = sorted(int(path.name) for path in self.root.glob(f"{self.kind}/[0-9]*") if path.name.isdecimal())
        found = (self.read_result(number) for number in numbers)
        return [result for result in found if result is not None]

    def _read_sized(self, number: int) -> tuple[IndividualResult, Fingerprint | None] | None:
        """Read a result with the fingerprint of its weights; None where it is damaged or their size is another."""
        found, weights = _read(self.result_path(number), _parse_result), self.weights_path(number)
        if found is None:
            return None
        written = found[1]
        try:
            size = weights.stat().st_size
        except OSError:
            logger.warning("%s: missing, individual %d counts as not trained", weights, number)
            return None
        if written is not None and size != written.bytes:
            reason = f"has {size} bytes, was written with {written.bytes}"
            logger.warning("%s: %s, individual %d counts as not trained", weights, reason, number)
            return None
        return found

    def set_aside(self, number: int) -> None:
        """Rename a result and a failure that the study's individual does not have, so that neither counts."""
        for path in (self.result_path(number), self.failure_path(number)):
            if path.exists():
                _set_aside(path, "is of another individual or of an earlier attempt")

    def sweep(self) -> None:
        """Remove the temporary files that a killed driver left; only the driver may do so."""
        identity = self.identity_path
        for path in itertools.chain(self.root.glob(f"{self.kind}/*/.*"), identity.parent.glob(f".{identity.stem}-*")):
            if is_temporary(path):  # other programs may keep files here
                path.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell a disk that takes no more in one line.

    Raises:
        SearchError: the block raised ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise SearchError(
            f"{path}: cannot be written ({reason}); once that is mended, the same command goes on from here"
        ) from error


def _parse_result(content: Mapping[str, Any]) -> tuple[IndividualResult, Fingerprint | None]:
    values = dict(content)
    written = values.pop(_WEIGHTS, None)
    return IndividualResult.from_json(values), None if written is None else Fingerprint.from_json(written)


def _read(path: Path, parse: Callable[[Mapping[str, Any]], _Record]) -> _Record | None:
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SearchError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError) as error:
        _set_aside(path, f"damaged ({error!r})")
        return None


def _set_aside(path: Path, reason: str) -> None:
    aside = path.with_suffix(".damaged")
    try:
        path.replace(aside)
    except OSError:  # of somebody who may only look
        logger.warning("%s: %s, counts as absent", path, reason)
    else:
        logger.warning("%s: %s, counts as absent; kept as %s", path, reason, aside.name)

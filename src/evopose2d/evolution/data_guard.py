"""Training on the data that a search was started with, and on no other."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from evopose2d.errors import DataError
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.working.engine import Engine, Lost, ParentWeights, Trained, WrappedEngine


class DataGuard(WrappedEngine):
    """An engine that trains no individual on other data, and gives none that was trained while they changed.

    Args:
        engine: trains.
        files: what it reads.
        identity: tells what they hold, as ``identity.data_identity`` does; asked again where files are no longer those
            that they were.
    """

    def __init__(self, engine: Engine, files: Iterable[Path], identity: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(engine)
        self._files = tuple(files)
        self._identity = identity
        self._known = dict(identity())
        self._seen = self._look()

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """Start to train an individual.

        Raises:
            DataError: the data are not those of the search any more.
        """
        self._check()
        super().submit(spec, parent)

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """As the engine's; what was trained counts as lost where the data have changed."""
        outcomes = self._engine.wait(timeout)
        try:
            if outcomes:
                self._check()
        except DataError as error:
            return [Lost(outcome.number, str(error), mendable=error) for outcome in outcomes]
        return outcomes

    def _check(self) -> None:
        seen = self._look()
        if seen == self._seen:
            return
        try:
            now = dict(self._identity())
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be read any more ({error.strerror})") from None
        changed = [key for key in self._known if now[key] != self._known[key]]
        if changed:
            raise DataError(
                f"{', '.join(changed)}: other data than the search was started with, since it runs; "
                "restore them, or name another evolve.root"
            )
        self._seen = seen

    def _look(self) -> list[tuple[int, int] | None]:
        return [_signature(path) for path in self._files]


def _signature(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

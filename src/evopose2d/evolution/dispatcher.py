"""Individuals on their way through an engine: given out, tried again, and their files written."""

import logging
from collections.abc import Set
from typing import Protocol

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.queue import Queue
from evopose2d.evolution.sampler import Role
from evopose2d.evolution.session import Session
from evopose2d.evolution.working.engine import Fault, Lost, ParentWeights, Trained

logger = logging.getLogger(__name__)

_WAIT = 0.5  # seconds between two looks at whether to stop


class Trainees(Protocol):
    """What a dispatcher asks and tells the owner of the individuals."""

    def spec(self, number: int) -> IndividualSpec:
        """Return what an individual is to be trained from."""

    def awaits(self, number: int, restored: Set[int]) -> bool:
        """Return whether an individual has to wait for any of those that are trained again."""

    def trained(self, result: IndividualResult, *, again: bool) -> None:
        """Note a trained individual whose files are written; ``again``: they had been there before."""

    def failed(self, failure: IndividualFailure) -> None:
        """Note an individual that could not be trained, whose file is written."""


class Dispatcher:
    """Has individuals trained.

    An individual's weights are written, then its result, then its owner is told: whoever finds a result in an
    individual's folder need not train it again.

    Args:
        trainees: the owner of the individuals.
        session: what the driver works with.
        attempts: times that an individual is tried before it counts as failed.
    """

    def __init__(self, trainees: Trainees, session: Session, attempts: int) -> None:
        self.queue = Queue(trainees.awaits)
        self._trainees = trainees
        self._engine = session.engine
        self._store = session.store
        self._clock = session.clock
        self._initial = session.initial
        self._attempts = attempts

    @property
    def slots(self) -> int:
        """How many individuals can be trained at once, at the moment."""
        return self._engine.slots

    @property
    def running(self) -> dict[int, float]:
        """Seconds for which each individual is being trained, by number."""
        now = self._clock()
        return {number: now - since for number, since in self.queue.running.items()}

    def step(self) -> None:
        """Give out what there is room for, wait a moment, and settle what has come back.

        Raises:
            SearchError: a file cannot be written, a machine is at fault, or the ancestor failed.
            EvoPoseError: what every individual would fail by, such as records that are missing.
        """
        self._dispatch()
        outcomes = self._engine.wait(_WAIT)
        for outcome in outcomes:
            self.queue.leave(outcome.number)
        try:
            self._dispatch()
        finally:
            # A failure may end the search: what has been trained is kept first.
            for outcome in sorted(outcomes, key=lambda outcome: isinstance(outcome, Lost)):
                if isinstance(outcome, Trained):
                    self._keep(outcome)
                else:
                    self._lose(outcome)

    def _dispatch(self) -> None:
        while len(self.queue.running) < self._engine.slots:
            number = self.queue.take(self._clock())
            if number is None:
                return
            spec = self._trainees.spec(number)
            self._engine.submit(spec, self._start_of(spec))

    def _start_of(self, spec: IndividualSpec) -> ParentWeights | None:
        """Return the weights that an individual starts from; None: random ones."""
        if spec.role in (Role.ANCESTOR, Role.FINALIST):
            return self._initial
        if spec.parent is None or spec.parent_genotype is None:
            return None
        if not self._store.is_whole(spec.parent):
            folder = self._store.folder(spec.parent)
            raise SearchError(f"{folder}: gone or damaged since it was written; the same command mends it")
        return ParentWeights(spec.parent, self._store.weights_path(spec.parent))

    def _keep(self, outcome: Trained) -> None:
        self._store.write_weights(outcome.number, outcome.weights)
        self._store.write_result(outcome.result)
        self._trainees.trained(outcome.result, again=outcome.number in self.queue.restored)
        self.queue.finish(outcome.number)

    def _lose(self, outcome: Lost) -> None:
        if outcome.mendable is not None:
            raise outcome.mendable
        number = outcome.number
        if outcome.fault is Fault.DEPARTURE:
            logger.warning("individual %d: %s; it is trained again", number, outcome.error)
            self.queue.add_again(number)
            return
        attempt = self.queue.attempt(number)
        logger.warning("individual %d, attempt %d of %d: %s", number, attempt, self._attempts, outcome.error)
        if attempt < self._attempts:
            self.queue.add_again(number)
        elif outcome.fault is Fault.MACHINE or number in self.queue.restored:
            raise _until_mended(number, outcome.error)
        else:
            failure = IndividualFailure.of(self._trainees.spec(number), attempt, outcome.error, outcome.details)
            self._store.write_failure(failure)
            if failure.parent is None:  # without the ancestor there is nothing to mutate
                raise _until_mended(failure.number, failure.error)
            self._trainees.failed(failure)


def _until_mended(number: int, error: str) -> SearchError:
    return SearchError(f"individual {number}: {error}; once that is mended, the same command goes on from here")

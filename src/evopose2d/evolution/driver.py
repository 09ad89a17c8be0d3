"""The loop that asks for individuals, has them trained, and keeps what comes back."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from optuna.study import Study

from evopose2d.config.schema import Params
from evopose2d.errors import Interrupted, SearchError
from evopose2d.evolution.configuration import individual_spec, total_individuals
from evopose2d.evolution.early_stopping import CurveStopping
from evopose2d.evolution.engine import Engine, Fault, Lost, ParentWeights, Trained
from evopose2d.evolution.journal import fail
from evopose2d.evolution.population import Population
from evopose2d.evolution.progress import Status, TimeLeft, describe, duration
from evopose2d.evolution.queue import Queue
from evopose2d.evolution.sampler import (
    EvolutionSampler,
    Individual,
    State,
    attach,
    read_history,
    suggest_genotype,
    tell,
)
from evopose2d.evolution.signals import StopRequest
from evopose2d.evolution.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.store import SearchStore, writing
from evopose2d.evolution.tracker import BackgroundTracking
from evopose2d.genotype import NoUnseenNeighbour

logger = logging.getLogger(__name__)

_WAIT = 0.5  # seconds between two looks at whether to stop


class Driver:
    """Runs a search to its end, from wherever an earlier driver was killed.

    The order in which an individual is finished is what makes that possible: its weights are written, then its
    result, then the study is told, then the tracker. Whoever finds a result in an individual's folder tells it
    instead of training again; an individual without one is trained again under its own number.

    Args:
        params: all settings.
        study: the search; nobody else writes to it.
        sampler: proposes individuals.
        store: the search directory.
        engine: trains.
        tracking: records what is finished.
        stop: whether a stop has been asked for.
        show: shows a status.
        clock: gives seconds that only grow.
    """

    def __init__(
        self,
        params: Params,
        study: Study,
        sampler: EvolutionSampler,
        store: SearchStore,
        engine: Engine,
        tracking: BackgroundTracking,
        stop: StopRequest,
        show: Callable[[Status], None] = lambda status: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._evolve = params.evolve
        self._study = study
        self._sampler = sampler
        self._store = store
        self._engine = engine
        self._tracking = tracking
        self._stop = stop
        self._show = show
        self._total = total_individuals(params.evolve)
        self._individuals = Population()
        self._queue = Queue(lambda number: self._individuals[number].parent)
        self._end_reason = ""
        self._clock = clock
        self._started = clock()
        self._estimate = TimeLeft(params.evolve)
        self._stopping = CurveStopping(
            params.evolve, lambda count: sampler.history(study).youngest(count), store.read_result
        )

    def run(self) -> list[Individual]:
        """Search until every individual is finished, or no unseen one can be made.

        Returns:
            All individuals, by number.

        Raises:
            Interrupted: a stop was asked for; says how far the search came.
            SearchError: a file cannot be written, a machine is at fault, or the ancestor failed.
            EvoPoseError: what every individual would fail by, such as records that are missing.
        """
        self._store.sweep()
        self._reconcile()
        while True:
            self._ask()
            if self._at_end():
                break
            self._show(self._status())
            self._dispatch()
            outcomes = self._engine.wait(_WAIT)
            for outcome in outcomes:
                self._queue.leave(outcome.number)
            try:
                self._dispatch()
            finally:
                # A failure may end the search: what has been trained is kept first.
                for outcome in sorted(outcomes, key=lambda outcome: isinstance(outcome, Lost)):
                    self._settle(outcome)
            self._check_stop()
        if self._end_reason:
            logger.warning("the search ends after %d individuals: %s", self._done(), self._end_reason)
        return [self._individuals[number] for number in sorted(self._individuals)]

    def _reconcile(self) -> None:
        """Take up what an earlier driver left: tell what is finished, queue what is not."""
        history = read_history(self._study, self._sampler.settings)
        for number in sorted(history.unborn):
            suggest_genotype(attach(self._study, number), self._sampler.settings.space)
        if history.unborn:
            history = read_history(self._study, self._sampler.settings)
        told = [each.number for each in history.individuals if each.state is not State.RUNNING]
        if told:
            self._tracking.reconcile(told)
            self._estimate.learn(self._store.read_result(told[-1]))
        for individual in history.individuals:
            self._take_up(individual)
        if self._done():  # with those whose result was written when the plug was pulled, but that were not told of
            logger.info("going on after %d finished individuals", self._done())

    def _at_end(self) -> bool:
        return not self._queue and (len(self._individuals) >= self._total or bool(self._end_reason))

    def _ask(self) -> None:
        """Ask for as many individuals as can be proposed, and not for more than can be put to use."""
        while not self._end_reason and len(self._individuals) < self._total and self._wants_more():
            with writing(self._store.journal_path):
                individual = self._propose()
            if individual is None:
                return
            self._take_up(individual)

    def _propose(self) -> Individual | None:
        """Ask the sampler; None where it cannot answer until another individual has finished, or ever."""
        if not self._sampler.can_ask(self._study):
            return None
        try:
            trial = self._sampler.ask(self._study)
        except NoUnseenNeighbour as end:
            # An individual that is still running may become a parent with unseen neighbours.
            self._end_reason = str(end)
            return None
        return self._sampler.history(self._study).get(trial.number)

    def _wants_more(self) -> bool:
        """Tell whether to ask now: a generation as a whole, in the steady state only for a free slot."""
        if self._evolve.schedule == "generational":
            return True
        return len(self._queue) < self._engine.slots

    def _take_up(self, individual: Individual) -> None:
        """Note an individual, and tell or queue it where it is not finished."""
        self._individuals.note(individual)
        number = individual.number
        if individual.state is State.COMPLETE and not self._store.is_whole(number):
            logger.warning("%s: weights or result are gone or damaged, it is trained again", self._store.folder(number))
            self._queue.restore(number)
        if individual.state is not State.RUNNING:
            return
        result, failure = self._store.read_intact(number), self._store.read_failure(number)
        if result is not None and result.genotype == individual.genotype:
            self._complete(result)
        elif failure is not None and failure.genotype == individual.genotype and individual.parent is not None:
            self._give_up(failure)
        else:
            self._store.set_aside(number)
            self._queue.add(number)

    def _dispatch(self) -> None:
        while len(self._queue.running) < self._engine.slots:
            number = self._queue.take(self._clock())
            if number is None:
                return
            spec = self._spec(self._individuals[number], self._stopping.limits(number))
            parent = None
            if spec.parent is not None and spec.parent_genotype is not None:
                if not self._store.is_whole(spec.parent):
                    folder = self._store.folder(spec.parent)
                    raise SearchError(f"{folder}: gone or damaged since it was written; the same command mends it")
                parent = ParentWeights(spec.parent, self._store.weights_path(spec.parent))
            self._engine.submit(spec, parent)

    def _spec(self, individual: Individual, limits: tuple[float, ...] = ()) -> IndividualSpec:
        parent = None if individual.parent is None else self._individuals[individual.parent]
        return individual_spec(self._evolve, individual, parent, limits)

    def _settle(self, outcome: Trained | Lost) -> None:
        if isinstance(outcome, Trained):
            self._store.write_weights(outcome.number, outcome.weights)
            self._store.write_result(outcome.result)
            if self._queue.is_restored(outcome.number):  # the study knows it
                logger.info("individual %d: its weights and its result are there again", outcome.number)
                self._tracking.finished(outcome.result)
            else:
                self._complete(outcome.result)
            self._queue.finish(outcome.number)
            return
        if outcome.mendable is not None:
            raise outcome.mendable
        number, allowed = outcome.number, self._evolve.attempts
        if outcome.fault is Fault.DEPARTURE:
            logger.warning("individual %d: %s; it is trained again", number, outcome.error)
            self._queue.add_again(number)
            return
        attempt = self._queue.attempt(number)
        logger.warning("individual %d, attempt %d of %d: %s", number, attempt, allowed, outcome.error)
        if attempt < allowed:
            self._queue.add_again(number)
        elif outcome.fault is Fault.MACHINE or self._queue.is_restored(number):
            raise _until_mended(number, outcome.error)
        else:
            spec = self._spec(self._individuals[number])
            failure = IndividualFailure.of(spec, allowed, outcome.error, outcome.details)
            self._store.write_failure(failure)
            if failure.parent is None:  # without the ancestor there is nothing to mutate
                raise _until_mended(failure.number, failure.error)
            self._give_up(failure)

    def _complete(self, result: IndividualResult) -> None:
        """Tell the study of an individual whose weights and result are written, then the tracker."""
        measurements = result.measurements
        individual = replace(self._individuals[result.number], state=State.COMPLETE, measurements=measurements)
        with writing(self._store.journal_path):
            tell(self._study, result.number, measurements)
        self._note(individual)
        self._tracking.finished(result)
        self._estimate.learn(result)
        self._stopping.learn(result)
        left = self._remaining()
        later = "" if left is None else f", about {duration(left)} left"
        logger.info("%s; %d of %d done%s", describe(result), self._done(), self._total, later)

    def _give_up(self, failure: IndividualFailure) -> None:
        """Tell the study of an individual whose failure is written, then the tracker."""
        with writing(self._store.journal_path):
            fail(self._study, failure.number, failure.error)
        self._note(replace(self._individuals[failure.number], state=State.FAILED))
        self._tracking.failed(failure)
        logger.error("individual %d failed: %s", failure.number, failure.error)

    def _note(self, individual: Individual) -> None:
        self._individuals.note(individual)
        self._end_reason = ""

    def _check_stop(self) -> None:
        if self._stop.requested:
            raise Interrupted(
                f"stopped with {self._done()} of {self._total} individuals done; "
                "the same command goes on, and trains those anew that were being trained"
            )

    def _done(self) -> int:
        return self._individuals.whole.done

    def _status(self) -> Status:
        now = self._clock()
        return Status(
            individuals=self._individuals,
            running={number: now - since for number, since in self._queue.running.items()},
            total=self._total,
            elapsed=now - self._started,
            remaining=self._remaining(),
            by_ap=self._evolve.selection == "ap",
        )

    def _remaining(self) -> float | None:
        if self._done() >= self._total:
            return None
        now = self._clock()
        spent = [now - since for since in self._queue.running.values()]
        return self._estimate.seconds(self._individuals, spent, self._engine.slots)


def _until_mended(number: int, error: str) -> SearchError:
    return SearchError(f"individual {number}: {error}; once that is mended, the same command goes on from here")

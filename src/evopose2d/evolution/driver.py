"""The loop that asks for individuals, has them trained, and keeps what comes back."""

import logging
from collections.abc import Set
from dataclasses import replace

from optuna.study import Study

from evopose2d.config.schema import Params
from evopose2d.evolution.dispatcher import Dispatcher
from evopose2d.evolution.individuals.configuration import individual_spec, total_children
from evopose2d.evolution.individuals.early_stopping import CurveStopping
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.individuals.store import writing
from evopose2d.evolution.results.journal import fail
from evopose2d.evolution.results.population import Population, SearchSize
from evopose2d.evolution.results.progress import Status, TimeLeft, describe
from evopose2d.evolution.sampler import (
    EvolutionSampler,
    Individual,
    State,
    attach,
    gain,
    ranks_by_ap,
    read_history,
    suggest_genotype,
    tell,
)
from evopose2d.evolution.session import Session
from evopose2d.genotype import NoUnseenNeighbour
from evopose2d.progress import duration

logger = logging.getLogger(__name__)


class Driver:
    """Runs a search to its end, from wherever an earlier driver was killed.

    The order in which an individual is finished is what makes that possible: its weights are written, then its
    result, then the study is told, then the tracker. Whoever finds a result in an individual's folder tells it
    instead of training again; an individual without one is trained again under its own number.

    Args:
        params: all settings.
        study: the search; nobody else writes to it.
        sampler: proposes individuals.
        session: what trains, keeps and shows them.
    """

    def __init__(self, params: Params, study: Study, sampler: EvolutionSampler, session: Session) -> None:
        self._evolve = params.evolve
        self._study = study
        self._sampler = sampler
        self._session = session
        self._store = session.store
        self._size = SearchSize.of(params.evolve)
        self._individuals = Population()
        self._dispatcher = Dispatcher(self, session, params.evolve.attempts)
        self._end_reason = ""
        self._started = session.clock()
        self._estimate = TimeLeft(params.evolve)
        self._stopping = CurveStopping(params.evolve, self._compared_with, session.store.read_record)

    def run(self) -> Population:
        """Search until every individual is finished, or no unseen one can be made.

        Returns:
            All individuals.

        Raises:
            Interrupted: a stop was asked for; says how far the search came.
            SearchError: a file cannot be written, a machine is at fault, or the ancestor failed.
            EvoPoseError: what every individual would fail by, such as records that are missing.
        """
        self._store.sweep()
        self._reconcile()
        while True:
            self._ask()
            if not self._dispatcher.queue and (self._has_all_children() or self._end_reason):
                break
            self._session.show(self._status())
            self._dispatcher.step()
            self._session.raise_if_stopped(f"{self._done()} of {self._total()} individuals done")
        if self._end_reason:
            logger.warning("the search ends after %d individuals: %s", self._done(), self._end_reason)
        return self._individuals

    def _reconcile(self) -> None:
        """Take up what an earlier driver left: tell what is finished, queue what is not."""
        history = read_history(self._study, self._sampler.settings)
        for number in sorted(history.pending):
            suggest_genotype(attach(self._study, number), self._sampler.settings.space)
        if history.pending:
            history = read_history(self._study, self._sampler.settings)
        told = [each.number for each in history.individuals if each.state is not State.RUNNING]
        if told:
            self._session.tracking.reconcile(told)
            self._estimate.learn(self._store.read_result(told[-1]))
        for individual in history.individuals:
            self._take_up(individual)
        if self._done():  # with those whose result was written when the plug was pulled, but that were not told of
            logger.info("going on after %d finished individuals", self._done())

    def _has_all_children(self) -> bool:
        return self._individuals.children >= total_children(self._evolve) and len(self._individuals) > 0

    def _ask(self) -> None:
        """Ask for as many individuals as can be proposed, and not for more than can be put to use."""
        while not self._end_reason and not self._has_all_children() and self._wants_more():
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
        """Return whether to ask now: a generation as a whole, in the steady state only for a free slot."""
        if self._evolve.schedule == "generational":
            return True
        return len(self._dispatcher.queue) < self._dispatcher.slots

    def _take_up(self, individual: Individual) -> None:
        """Note an individual, and tell or queue it where it is not finished."""
        self._individuals.note(individual)
        number = individual.number
        if individual.state is State.COMPLETE and not self._store.is_whole(number):
            logger.warning("%s: weights or result are gone or damaged, it is trained again", self._store.folder(number))
            self._dispatcher.queue.restore(number)
        if individual.state is not State.RUNNING:
            return
        result, failure = self._store.read_intact(number), self._store.read_failure(number)
        if result is not None and result.genotype == individual.genotype:
            self.trained(result)
        elif failure is not None and failure.genotype == individual.genotype and individual.parent is not None:
            self.failed(failure)
        else:
            self._store.set_aside(number)
            self._dispatcher.queue.add(number)

    def spec(self, number: int) -> IndividualSpec:
        """Return what an individual is to be trained from; the dispatcher calls this."""
        individual = self._individuals[number]
        parent = None if individual.parent is None else self._individuals[individual.parent]
        return individual_spec(
            self._evolve,
            individual,
            parent,
            limits=self._stopping.limits(individual),
            controls=self._individuals.controls_before(individual),
        )

    def awaits(self, number: int, restored: Set[int]) -> bool:
        """Return whether an individual needs any of those that are trained again: its parent, or their curves."""
        individual = self._individuals[number]
        if individual.parent in restored:
            return True
        if self._evolve.stopping == "none":
            return False
        return any(self._individuals[each].generation < individual.generation for each in restored)

    def trained(self, result: IndividualResult, *, again: bool = False) -> None:
        """Tell the study of an individual whose weights and result are written, then the tracker."""
        if again:  # the study knows it
            logger.info("individual %d: its weights and its result are there again", result.number)
            self._session.tracking.finished(result)
            return
        measurements = result.measurements
        individual = replace(self._individuals[result.number], state=State.COMPLETE, measurements=measurements)
        with writing(self._store.journal_path):
            tell(self._study, result.number, measurements, self._sampler.settings.targets)
        self._note(individual)
        self._session.tracking.finished(result)
        self._estimate.learn(result)
        self._stopping.learn(result)
        left = self._remaining()
        later = "" if left is None else f", about {duration(left)} left"
        told = describe(result, gain(self._sampler.history(self._study), individual))
        logger.info("%s; %d of %d done%s", told, self._done(), self._total(), later)

    def failed(self, failure: IndividualFailure) -> None:
        """Tell the study of an individual whose failure is written, then the tracker."""
        with writing(self._store.journal_path):
            fail(self._study, failure.number, failure.error)
        self._note(replace(self._individuals[failure.number], state=State.FAILED))
        self._session.tracking.failed(failure)
        logger.error("individual %d failed: %s", failure.number, failure.error)

    def _note(self, individual: Individual) -> None:
        self._individuals.note(individual)
        self._end_reason = ""

    def _compared_with(self, individual: Individual) -> list[int]:
        """Return the numbers of those whose learning curves say how long a child is trained."""
        if self._evolve.schedule == "generational":
            return self._individuals.children_of_generation(individual.generation - 1)
        youngest = self._sampler.history(self._study).youngest(self._evolve.children)
        return [each.number for each in youngest if each.parent is not None]

    def _done(self) -> int:
        return self._individuals.whole.done

    def _total(self) -> int:
        return self._size.total(self._individuals)

    def _status(self) -> Status:
        return Status(
            individuals=self._individuals,
            running=self._dispatcher.running,
            total=self._total(),
            elapsed=self._session.clock() - self._started,
            remaining=self._remaining(),
            by_ap=ranks_by_ap(self._evolve.selection, self._evolve.objectives),
        )

    def _remaining(self) -> float | None:
        spent = list(self._dispatcher.running.values())
        return self._estimate.seconds(self._individuals, spent, self._dispatcher.slots) or None

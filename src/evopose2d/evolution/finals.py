"""The finals: when a search has ended, its best networks and its ancestor are trained equally, and that decides."""

import logging
from collections.abc import Set
from dataclasses import replace

from evopose2d.config.schema import Params
from evopose2d.evolution.dispatcher import Dispatcher
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.results.finalists import FinalSettings, final_specs, is_result_of
from evopose2d.evolution.results.population import Population
from evopose2d.evolution.results.progress import Status, TimeLeft, describe
from evopose2d.evolution.sampler import Individual, Role, State, ranks_by_ap
from evopose2d.evolution.session import Session
from evopose2d.progress import duration

logger = logging.getLogger(__name__)


class Finals:
    """Trains the finalists, from wherever an earlier driver was killed.

    They are no trials of the study: the search may be extended afterwards as if there had been none. What has been
    trained of them before, with the same genes, epochs and seed, is not trained again.

    Args:
        params: all settings.
        population: the search's individuals.
        session: what trains, keeps and shows them.
    """

    def __init__(self, params: Params, population: Population, session: Session) -> None:
        self._evolve = params.evolve
        self._population = population
        self._session = session
        self._store = session.store.of(Role.FINALIST)
        specs = final_specs(FinalSettings.of(params.evolve), population.values())
        self._specs = {spec.number: spec for spec in specs}
        self._finals = Population()
        self._dispatcher = Dispatcher(self, replace(session, store=self._store), params.evolve.attempts)
        self._estimate = TimeLeft(params.evolve)
        self._started = session.clock()

    def run(self) -> None:
        """Train all finalists.

        Raises:
            Interrupted: a stop was asked for; says how far the finals came.
            SearchError: a file cannot be written, or a machine is at fault.
            EvoPoseError: what every individual would fail by, such as records that are missing.
        """
        self._store.sweep()
        if self._specs:
            logger.info("finals: %d trainings of %d epochs", len(self._specs), self._evolve.final_epochs)
        for spec in self._specs.values():
            self._take_up(spec)
        done = [number for number, each in self._finals.items() if each.state is not State.RUNNING]
        if done:
            self._session.tracking.reconcile_finals(done)
        while self._dispatcher.queue:
            self._session.show(self._status())
            self._dispatcher.step()
            self._session.raise_if_stopped(f"{self._finals.whole.done} of {len(self._specs)} finalists trained")

    def _take_up(self, spec: IndividualSpec) -> None:
        self._finals.note(_individual(spec))
        result, failure = self._store.read_intact(spec.number), self._store.read_failure(spec.number)
        if result is not None and is_result_of(result, spec):
            self._estimate.learn(result)
            self._finals.note(replace(_individual(spec), state=State.COMPLETE, measurements=result.measurements))
        elif failure is not None and failure.genotype == spec.genotype:
            self._finals.note(replace(_individual(spec), state=State.FAILED))
        else:
            self._store.set_aside(spec.number)
            self._dispatcher.queue.add(spec.number)

    def spec(self, number: int) -> IndividualSpec:
        """Return what a finalist is to be trained from; the dispatcher calls this."""
        return self._specs[number]

    def awaits(self, number: int, restored: Set[int]) -> bool:
        """Return whether a finalist needs another one: never."""
        return False

    def trained(self, result: IndividualResult, *, again: bool = False) -> None:
        """Note a finalist whose weights and result are written, and have it recorded."""
        self._finals.note(
            replace(_individual(self._specs[result.number]), state=State.COMPLETE, measurements=result.measurements)
        )
        self._session.tracking.finished(result)
        self._estimate.learn(result)
        left = self._remaining()
        later = "" if left is None else f", about {duration(left)} left"
        logger.info("%s; %d of %d done%s", describe(result), self._finals.whole.done, len(self._specs), later)

    def failed(self, failure: IndividualFailure) -> None:
        """Note a finalist that could not be trained, and have it recorded."""
        self._finals.note(replace(_individual(self._specs[failure.number]), state=State.FAILED))
        self._session.tracking.failed(failure)
        logger.error("finalist %d failed: %s", failure.number, failure.error)

    def _status(self) -> Status:
        return Status(
            individuals=self._population,
            running=self._dispatcher.running,
            total=len(self._population),
            elapsed=self._session.clock() - self._started,
            remaining=self._remaining(),
            by_ap=ranks_by_ap(self._evolve.selection, self._evolve.objectives),
            finals=self._finals,
        )

    def _remaining(self) -> float | None:
        left = len(self._specs) - self._finals.whole.done
        return self._estimate.of_finals(left, list(self._dispatcher.running.values()), self._dispatcher.slots)


def _individual(spec: IndividualSpec) -> Individual:
    return Individual(spec.number, spec.generation, spec.parent, spec.genotype, State.RUNNING, role=spec.role)

"""An engine whose results tell how fast their networks are."""

from dataclasses import replace

from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.latency.gauge import Gauge
from evopose2d.evolution.working.engine import Engine, Lost, ParentWeights, Trained, WrappedEngine


class MeasuringEngine(WrappedEngine):
    """Trains through another engine, and measures each network meanwhile; a result is given when both are done.

    Args:
        engine: trains.
        gauge: measures.
    """

    def __init__(self, engine: Engine, gauge: Gauge) -> None:
        super().__init__(engine)
        self._gauge = gauge
        self._trained: dict[int, Trained] = {}

    def give_up(self, number: int, error: str) -> None:
        """As the engine's; one that is trained already waits for its latency alone, and is kept."""
        if number not in self._trained:
            self._engine.give_up(number, error)

    def submit(self, spec: IndividualSpec, parent: ParentWeights | None) -> None:
        """As the engine's."""
        super().submit(spec, parent)
        self._gauge.ask(spec.genotype)

    def wait(self, timeout: float) -> list[Trained | Lost]:
        """As the engine's.

        Raises:
            SearchError: a network cannot be measured.
        """
        ready = self._measured()
        outcomes = self._engine.wait(0.0 if ready else timeout)
        lost: list[Trained | Lost] = []
        for outcome in outcomes:
            if isinstance(outcome, Trained):
                self._trained[outcome.number] = outcome
            else:
                lost.append(outcome)
        ready += self._measured()
        if self._trained and not (ready or lost or outcomes):
            self._gauge.wait(timeout)
        return [*lost, *ready]

    def _measured(self) -> list[Trained]:
        ready = []
        for number, outcome in list(self._trained.items()):
            latency = self._gauge.find(outcome.result.genotype)
            if latency is not None:
                result = replace(
                    outcome.result,
                    latency=latency.milliseconds,
                    latency_spread=latency.spread,
                    latency_error=latency.relative_error,
                )
                ready.append(replace(outcome, result=result))
                del self._trained[number]
        return ready

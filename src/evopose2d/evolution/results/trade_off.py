"""Whether a search of several objectives has found anything: its finalists against its ancestor, trained equally."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Self

from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.results.verdict import Outcome, Standing, chance_lead, group_by_network
from evopose2d.evolution.sampler import Objective
from evopose2d.export.latency import TOLERANCE
from evopose2d.fitness import pareto_order


@dataclass(frozen=True)
class TradeOff(Outcome):
    """The outcome of the finals where no single number says who is better.

    Networks that are better than the ancestor come first, then all go by front. A network is better than the ancestor
    if it is ahead in one objective by more than chance explains, and behind in none by more than that.

    Attributes:
        objectives: of the search.
        noise: by objective, a lead over the ancestor that chance alone exceeds in one of twenty searches, whatever
            the network and the objective; None where nothing says so, as with one training each. Of the latency, which
            all trainings of a network share, how exactly the ancestor's is known.
    """

    objectives: tuple[Objective, ...]
    noise: Mapping[str, float | None]

    @classmethod
    def of(cls, results: Iterable[IndividualResult], ancestor: int, objectives: tuple[Objective, ...]) -> Self | None:
        """Judge what the finals have come to so far.

        Args:
            results: of finalists, whose ``parent`` is the individual whose network they are.
            ancestor: number of the search's ancestor.
            objectives: of the search.

        Returns:
            The outcome; None as long as the ancestor or everybody else is missing.

        Raises:
            SearchError: a result lacks a measurement.
        """
        groups = group_by_network(results)
        if ancestor not in groups or len(groups) < 2:
            return None
        noise = {each.name: chance_lead(groups, partial(_value, each), len(objectives)) for each in objectives}
        if noise.get("latency") is not None:
            noise["latency"] = _latency_error(groups[ancestor][0])
        standings = sorted((Standing(number, tuple(group)) for number, group in groups.items()), key=_number)
        points = [[_mean(standing, each) for each in objectives] for standing in standings]
        ordered = [standings[index] for index in pareto_order(points)]
        found = cls(tuple(ordered), ancestor, objectives, noise)
        return cls(tuple(sorted(ordered, key=lambda each: not found.is_better(each))), ancestor, objectives, noise)

    @property
    def found(self) -> bool:
        """Whether a network is better than the ancestor."""
        return self.is_better(self.winner)

    def leads(self, standing: Standing) -> dict[str, float]:
        """Return by objective how far a network is ahead of the ancestor; below 0: behind."""
        return {each.name: _mean(self.baseline, each) - _mean(standing, each) for each in self.objectives}

    def is_better(self, standing: Standing) -> bool:
        """Return whether a network is ahead somewhere by more than chance explains, and nowhere as far behind."""
        beyond = []
        for name, lead in self.leads(standing).items():
            chance = self.noise[name]
            if chance is None:
                return False
            beyond.append(0 if abs(lead) <= chance else lead)
        return max(beyond) > 0 and min(beyond) >= 0

    def comparison(self) -> list[str]:
        """Return the figures of all networks at equal training, a line each."""
        return [str(each) for each in self.standings]

    def __str__(self) -> str:
        equally = f"trained equally ({self.winner.training})"
        better = [each for each in self.standings if self.is_better(each)]
        if better:
            told = "; ".join(f"individual {each.individual}: {self._leads_in_words(each)}" for each in better)
            return f"{equally[0].upper()}{equally[1:]}, better than the ancestor: {told}."
        if None in self.noise.values():
            return (
                f"{equally[0].upper()}{equally[1:]}: one training each tells nothing from chance (evolve.final_seeds)."
            )
        others = "; ".join(
            f"individual {each.individual}: {self._leads_in_words(each)}"
            for each in self.standings
            if each.individual != self.ancestor
        )
        return (
            f"Nothing was shown that is ahead of the ancestor in one objective and behind in none: {equally}, {others}."
        )

    def _leads_in_words(self, standing: Standing) -> str:
        told = []
        for name, lead in self.leads(standing).items():
            chance = self.noise[name]
            explained = f" (chance explains {chance:.2g})" if chance else ""
            told.append(f"{name} {'ahead' if lead >= 0 else 'behind'} by {abs(lead):.3g}{explained}")
        return ", ".join(told)


def _mean(standing: Standing, objective: Objective) -> float:
    return fmean(_value(objective, each) for each in standing.trainings)


def _value(objective: Objective, result: IndividualResult) -> float:
    value = objective.value(result.number, result.measurements)
    return -value if objective.maximised else value


def _latency_error(result: IndividualResult) -> float:
    """Return how many milliseconds a latency may be off: its prediction's error, or what a measurement tolerates."""
    return (result.latency or 0.0) * (TOLERANCE if result.latency_error is None else result.latency_error)


def _number(standing: Standing) -> int:
    return standing.individual

"""Whether a search has found anything: its finalists against its ancestor, trained equally."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

import numpy as np
from scipy import stats

from evopose2d.evolution.individuals.spec import IndividualResult

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Standing:
    """What a network came to in the finals.

    Attributes:
        individual: number of the individual whose network it is.
        trainings: its results, one for each seed.
    """

    individual: int
    trainings: tuple[IndividualResult, ...]

    @property
    def fitness(self) -> float:
        """Mean over its trainings; lower is fitter."""
        return fmean(each.fitness for each in self.trainings)

    @property
    def ap(self) -> float:
        """Mean COCO AP over its trainings, 0 to 1."""
        return fmean(each.ap for each in self.trainings)

    @property
    def val_loss(self) -> float:
        """Mean of the least val losses of its trainings."""
        return fmean(each.val_loss for each in self.trainings)

    @property
    def parameters(self) -> int:
        """Parameters of the network."""
        return self.trainings[0].parameters

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of a forward pass over one image."""
        return self.trainings[0].multiply_adds

    @property
    def training(self) -> str:
        """How it was trained, in words."""
        epochs, seeds = max(len(each.epochs) for each in self.trainings), len(self.trainings)
        return f"{epochs} epoch{'s' * (epochs > 1)}" + (f", {seeds} seeds" if seeds > 1 else "")

    def __str__(self) -> str:
        return (
            f"individual {self.individual} in the finals: fitness {self.fitness:.4g}, AP {self.ap:.3f}, val loss "
            f"{self.val_loss:.4g}, {self.parameters / 1e6:.2f} M parameters, {self.multiply_adds / 1e9:.3g} GMACs"
            f"{self.trainings[0].latency_text}"
        )


@dataclass(frozen=True)
class Outcome:
    """The networks of the finals in order.

    Attributes:
        standings: the networks, best first.
        ancestor: number of the search's ancestor, which is one of them.
    """

    standings: tuple[Standing, ...]
    ancestor: int

    @property
    def winner(self) -> Standing:
        """The first network."""
        return self.standings[0]

    @property
    def baseline(self) -> Standing:
        """The ancestor."""
        return next(each for each in self.standings if each.individual == self.ancestor)


@dataclass(frozen=True)
class Verdict(Outcome):
    """The outcome of the finals.

    Attributes:
        by_ap: whether the greatest AP is best, instead of the least fitness.
        noise: a lead over the ancestor that chance alone exceeds in one of twenty searches; None where nothing says
            so, as with one training each.
    """

    by_ap: bool
    noise: float | None

    @classmethod
    def of(cls, results: Iterable[IndividualResult], ancestor: int, *, by_ap: bool) -> Self | None:
        """Judge what the finals have come to so far.

        Args:
            results: of finalists, whose ``parent`` is the individual whose network they are.
            ancestor: number of the search's ancestor.
            by_ap: whether the greatest AP is best.

        Returns:
            The verdict; None as long as the ancestor or everybody else is missing.
        """
        groups = group_by_network(results)
        if ancestor not in groups or len(groups) < 2:
            return None
        standings = [Standing(number, tuple(trainings)) for number, trainings in groups.items()]
        # Of equals the ancestor is better, then the older.
        standings.sort(key=lambda each: (_value(each, by_ap=by_ap), each.individual))
        return cls(tuple(standings), ancestor, by_ap, chance_lead(groups, _ap_reversed if by_ap else _fitness))

    @property
    def lead(self) -> float:
        """How far the winner is ahead of the ancestor, in fitness or AP; at least 0."""
        return _value(self.baseline, by_ap=self.by_ap) - _value(self.winner, by_ap=self.by_ap)

    @property
    def found(self) -> bool:
        """Whether the winner is ahead of the ancestor by more than chance explains."""
        return self.noise is not None and self.lead > self.noise

    def comparison(self) -> list[str]:
        """Return the winner's figures and the ancestor's at equal training, a line each; one where it is the same."""
        compared = dict.fromkeys((self.winner.individual, self.ancestor))
        return [str(each) for each in self.standings if each.individual in compared]

    def __str__(self) -> str:
        measure = "AP" if self.by_ap else "fitness"
        equally = f"trained equally ({self._training()})"
        if self.winner.individual == self.ancestor:
            return f"Nothing better than the ancestor was found: {equally}, it is the best of {len(self.standings)}."
        one = f"individual {self.winner.individual}"
        if self.noise is None:
            return (
                f"{equally[0].upper()}{equally[1:]}, {one} is ahead of the ancestor by {measure} {self.lead:.3g}; one "
                "training each does not tell that from chance (evolve.final_seeds)."
            )
        if self.found:
            return (
                f"{equally[0].upper()}{equally[1:]}, {one} is better than the ancestor: {measure} ahead by "
                f"{self.lead:.3g}, chance explains {self.noise:.2g}."
            )
        return (
            f"Nothing better than the ancestor was shown: {equally}, {one} is ahead by {measure} {self.lead:.3g}, and "
            f"chance explains {self.noise:.2g}."
        )

    def _training(self) -> str:
        epochs = max(len(each.epochs) for standing in self.standings for each in standing.trainings)
        seeds = max(len(standing.trainings) for standing in self.standings)
        return f"{epochs} epoch{'s' * (epochs > 1)}" + (f", {seeds} seeds" if seeds > 1 else "")


def _value(standing: Standing, *, by_ap: bool) -> float:
    return -standing.ap if by_ap else standing.fitness


def group_by_network(results: Iterable[IndividualResult]) -> dict[int, list[IndividualResult]]:
    """Return the trainings of each network of the finals, by number of the individual whose network it is."""
    groups: dict[int, list[IndividualResult]] = {}
    for result in results:
        groups.setdefault(-1 if result.parent is None else result.parent, []).append(result)
    return groups


def chance_lead(
    groups: Mapping[int, Sequence[IndividualResult]], value: Callable[[IndividualResult], float], objectives: int = 1
) -> float | None:
    """Return what the best network's lead over the ancestor exceeds by chance in one of twenty searches.

    All networks are trained with the same seeds: a randomised block design, whose blocks are the seeds. What is left
    of the values after the means of networks and seeds is noise; its mean square, of (N - 1)(R - 1) degrees of freedom
    for N networks and R seeds, gives the standard error of a difference, and Student's t its one-sided limit. The
    winner is the best of N - 1 networks that are compared with the ancestor, so each may exceed the limit in one of
    20 (N - 1) cases (Bonferroni); where there are several objectives, that many times fewer.

    Args:
        groups: trainings of each network, by number.
        value: of a training; less is better.
        objectives: in which networks are compared.

    Returns:
        The lead; None where fewer than two seeds are common to all networks.
    """
    seeds = set.intersection(*({each.seed for each in trainings} for trainings in groups.values()))
    if len(seeds) < 2:
        return None
    values = np.array(
        [[value(each) for each in sorted(trainings, key=_seed) if each.seed in seeds] for trainings in groups.values()]
    )
    networks, repeats = values.shape
    freedom = (networks - 1) * (repeats - 1)
    left = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    error = math.sqrt(2 * float((left**2).sum()) / freedom / repeats)
    return error * float(stats.t.ppf(1 - (1 - _CONFIDENCE) / (len(groups) - 1) / objectives, freedom))


def _fitness(result: IndividualResult) -> float:
    return result.fitness


def _ap_reversed(result: IndividualResult) -> float:
    return -result.ap


def _seed(result: IndividualResult) -> int:
    return result.seed

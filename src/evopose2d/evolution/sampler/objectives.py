"""What a search is for: named functions of an individual's measurements.

A package offers another as an entry point of the group ``evopose2d.objectives`` whose object is an
:class:`Objective`. Its name can then be used wherever one of these can.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.record import Individual
from evopose2d.evolution.sampler.registry import find

GROUP = "evopose2d.objectives"


@dataclass(frozen=True)
class Objective:
    """A function of measurements.

    Attributes:
        name: as settings call it.
        needs: names of the measurements that it reads.
        function: of the measurements by name, all of ``needs`` among them.
        maximised: whether more is better, instead of less.
    """

    name: str
    needs: frozenset[str]
    function: Callable[[Mapping[str, float]], float]
    maximised: bool = False

    def __call__(self, individual: Individual) -> float:
        """Return an individual's value, its sign changed where more is better: less is better, always.

        Raises:
            SearchError: the individual lacks a measurement.
        """
        value = self.value(individual.number, individual.measurements)
        return -value if self.maximised else value

    def value(self, number: int, measurements: Mapping[str, float]) -> float:
        """Return the value of some measurements.

        Args:
            number: of the individual, for the message.
            measurements: by name.

        Raises:
            SearchError: a measurement is missing.
        """
        for needed in sorted(self.needs - measurements.keys()):
            raise SearchError(f"individual {number}: got no {needed}, must have one to be ranked by it")
        return self.function(measurements)

    @property
    def direction(self) -> str:
        """How an Optuna study calls it."""
        return "maximize" if self.maximised else "minimize"


def _measured(name: str, *, maximised: bool = False) -> Objective:
    return Objective(name, frozenset({name}), lambda measurements: measurements[name], maximised)


OBJECTIVES: Mapping[str, Objective] = {
    "fitness": _measured("fitness"),
    "ap": _measured("ap", maximised=True),
    "val_loss": _measured("val_loss"),
    "parameters": _measured("parameters"),
    "multiply_adds": _measured("multiply_adds"),
    "latency": _measured("latency"),
}
"""The project's own, by name. ``ap`` is maximised, all others are minimised."""

FITNESS_ALONE = ("fitness",)
"""The paper's objectives."""


def find_objective(name: str) -> Objective:
    """Return the objective of that name.

    Raises:
        ValueError: there is none; lists the names that there are.
    """
    return find("objective", name, OBJECTIVES, GROUP)


def find_objectives(names: Sequence[str | Objective]) -> tuple[Objective, ...]:
    """Return several objectives, each by itself or by its name.

    Raises:
        ValueError: there are none, one comes twice, or nothing has that name (lists the names that there are).
    """
    found = tuple(
        each if isinstance(each, Objective) else find("objectives", each, OBJECTIVES, GROUP) for each in names
    )
    distinct = {each.name for each in found}
    if not found or len(distinct) < len(found):
        told = ", ".join(each.name for each in found) or "none"
        raise ValueError(f"objectives: got {told}, must be at least one, each once")
    return found

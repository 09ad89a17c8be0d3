"""What a search minimises: named functions of an individual's measurements.

A package offers another as an entry point of the group ``evopose2d.objectives`` whose object is an
:class:`Objective`. Its name can then be used wherever one of these can.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evopose2d.errors import SearchError
from evopose2d.evolution.sampler.record import Individual
from evopose2d.evolution.sampler.registry import find

GROUP = "evopose2d.objectives"


@dataclass(frozen=True)
class Objective:
    """A function of measurements; less is better.

    Attributes:
        name: as settings call it.
        needs: names of the measurements that it reads.
        function: of the measurements by name, all of ``needs`` among them.
    """

    name: str
    needs: frozenset[str]
    function: Callable[[Mapping[str, float]], float]

    def __call__(self, individual: Individual) -> float:
        """Return an individual's value.

        Raises:
            SearchError: the individual lacks a measurement.
        """
        for needed in sorted(self.needs - individual.measurements.keys()):
            raise SearchError(f"individual {individual.number}: got no {needed}, must have one to be ranked by it")
        return self.function(individual.measurements)


def _least(name: str) -> Objective:
    return Objective(name, frozenset({name}), lambda measurements: measurements[name])


OBJECTIVES: Mapping[str, Objective] = {
    "fitness": _least("fitness"),
    "ap": Objective("ap", frozenset({"ap"}), lambda measurements: -measurements["ap"]),
    "val_loss": _least("val_loss"),
    "parameters": _least("parameters"),
    "multiply_adds": _least("multiply_adds"),
    "latency": _least("latency"),
}
"""The project's own, by name. ``ap`` is maximised, all others are minimised."""


def find_objective(name: str) -> Objective:
    """Return the objective of that name.

    Raises:
        ValueError: there is none; lists the names that there are.
    """
    return find("objective", name, OBJECTIVES, GROUP)

"""One individual of a search, as its history knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evopose2d.genotype import Genotype


class State(StrEnum):
    """Progress of an individual."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class Role(StrEnum):
    """What an individual is for.

    ``ANCESTOR`` has no parent in the search: the search's ancestor, or one that was added by hand. ``CHILD`` is a
    mutation of its parent. ``CONTROL`` is an unmutated copy of its parent that is trained as a child is, for children
    to be compared with; it is no genome of its own. ``FINALIST`` is a genome of the search that is trained for longer
    when the search has ended; the sampler never proposes one.
    """

    ANCESTOR = "ancestor"
    CHILD = "child"
    CONTROL = "control"
    FINALIST = "finalist"


@dataclass(frozen=True, slots=True)
class Individual:
    """A genotype that a search visits, and what was measured of it.

    Attributes:
        number: position in the search, from 0.
        generation: 0 for those without a parent, then from 1 on.
        parent: number of the individual that it is a mutation or a copy of, and whose weights it inherits; None
            without one.
        genotype: its genes.
        state: running (or waiting to), complete, or failed: finished without a fitness.
        measurements: by name. ``fitness`` (lower is fitter; always there once complete) and, where known,
            ``val_loss`` (the least), ``ap`` (COCO average precision, 0 to 1), ``parameters`` and ``multiply_adds``
            of its network, and whatever else its objective has stored.
        role: what it is for.

    Raises:
        ValueError: complete without a fitness.
    """

    number: int
    generation: int
    parent: int | None
    genotype: Genotype
    state: State
    measurements: Mapping[str, float] = field(default_factory=dict)
    role: Role = Role.CHILD

    def __post_init__(self) -> None:
        if self.state is State.COMPLETE and self.fitness is None:
            raise ValueError(f"individual {self.number}: got no fitness, must have one where complete")

    @property
    def fitness(self) -> float | None:
        """Return the measurement ``fitness``; lower is fitter."""
        return self.measurements.get("fitness")

    @property
    def ap(self) -> float | None:
        """Return the measurement ``ap``, 0 to 1."""
        return self.measurements.get("ap")

    @property
    def val_loss(self) -> float | None:
        """Return the measurement ``val_loss``."""
        return self.measurements.get("val_loss")

    @property
    def parameters(self) -> int | None:
        """Return the measurement ``parameters``."""
        value = self.measurements.get("parameters")
        return None if value is None else int(value)

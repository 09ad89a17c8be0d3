"""One individual of a search, as its history knows it."""

from dataclasses import dataclass
from enum import StrEnum

from evopose2d.genotype import Genotype


class State(StrEnum):
    """How far an individual has come."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Individual:
    """A genotype that a search visits, and what came of it.

    Attributes:
        number: position in the search, from 0 (the ancestor).
        generation: 0 for the ancestor, then from 1 on.
        parent: number of the individual that it is a mutation of; None for the ancestor, and for one that was
            put into the search by hand.
        genotype: its genes.
        state: running (or waiting to), complete, or failed: finished without a fitness.
        fitness: lower is fitter; None until complete.
        ap: COCO average precision, 0 to 1, where known.
        val_loss: least validation loss, where known.
        parameters: parameters of its network, where known.
    """

    number: int
    generation: int
    parent: int | None
    genotype: Genotype
    state: State
    fitness: float | None = None
    ap: float | None = None
    val_loss: float | None = None
    parameters: int | None = None

    def __post_init__(self) -> None:
        if self.state is State.COMPLETE and self.fitness is None:
            raise ValueError(f"individual {self.number}: got no fitness, must have one where complete")

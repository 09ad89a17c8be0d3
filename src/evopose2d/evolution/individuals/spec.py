"""What an individual is trained from, and what comes back: plain data, as it travels and as it lies on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.sampler import Role
from evopose2d.fitness import fitness
from evopose2d.genotype import Genotype
from evopose2d.networks.size import NetworkSize
from evopose2d.training.result import EpochResult


@dataclass(frozen=True)
class IndividualSpec:
    """All that one individual's training depends on, besides the search's settings and its parent's weights.

    Attributes:
        number: position in the search, from 0 (the ancestor).
        generation: 0 for the ancestor.
        parent: number of the individual whose mutation or copy it is; None without one.
        mutation: what differs from the parent, in words.
        genotype: its genes.
        parent_genotype: the parent's genes; None where it starts from random weights.
        epochs: passes over the training people.
        seed: of initial weights, order of samples, augmentation and drop-connect.
        limits: greatest fitness so far with which training goes on after epoch 1, 2, ...; beyond them it always does.
        role: what it is for.
    """

    number: int
    generation: int
    parent: int | None
    mutation: str
    genotype: Genotype
    parent_genotype: Genotype | None
    epochs: int
    seed: int
    limits: tuple[float, ...] = ()
    role: Role = Role.CHILD


@dataclass(frozen=True)
class IndividualResult:
    """A trained individual.

    Attributes:
        number: position in the search, from 0.
        generation: 0 for the ancestor.
        parent: number of the parent; None without one.
        mutation: what differs from the parent, in words.
        genotype: its genes.
        seed: that it was trained with.
        epochs: every epoch of its training.
        fitness: its least val loss weighed against its size; lower is fitter.
        parameters: of its network.
        multiply_adds: of a forward pass over one image.
        seconds: from the start of the attempt that succeeded to its end.
        host: machine that trained it.
        stopped: whether its training was stopped before its last epoch, because others had come further.
        role: what it is for.
        latency: milliseconds of a prediction on the target device; None where it was not measured.
        latency_spread: of the measured times, from the first quartile to the third, in milliseconds.
        latency_error: relative error that half of the networks do not exceed that were measured beside, where the
            latency was predicted; None where it was measured.
    """

    number: int
    generation: int
    parent: int | None
    mutation: str
    genotype: Genotype
    seed: int
    epochs: tuple[EpochResult, ...]
    fitness: float
    parameters: int
    multiply_adds: int
    seconds: float
    host: str
    stopped: bool = False
    role: Role = Role.CHILD
    latency: float | None = None
    latency_spread: float | None = None
    latency_error: float | None = None

    @classmethod
    def of(
        cls,
        spec: IndividualSpec,
        epochs: tuple[EpochResult, ...],
        size: NetworkSize,
        evolve: EvolveConfig,
        *,
        seconds: float,
        host: str,
    ) -> Self:
        """Return what a spec's training has come to.

        Args:
            spec: of the individual.
            epochs: all that were trained, at least one.
            size: of its network.
            evolve: section ``evolve``, which says how the loss is weighed against the size.
            seconds: that it took.
            host: machine that trained it.
        """
        return cls(
            number=spec.number,
            generation=spec.generation,
            parent=spec.parent,
            mutation=spec.mutation,
            genotype=spec.genotype,
            seed=spec.seed,
            epochs=epochs,
            fitness=search_fitness([epoch.val_loss for epoch in epochs], size.parameters, evolve),
            parameters=size.parameters,
            multiply_adds=size.multiply_adds,
            seconds=seconds,
            host=host,
            stopped=len(epochs) < spec.epochs,
            role=spec.role,
        )

    @property
    def best(self) -> EpochResult:
        """The epoch of the least val loss, the earliest of equals: its weights are the ones kept."""
        return min(self.epochs, key=lambda epoch: epoch.val_loss)

    @property
    def val_loss(self) -> float:
        """Least val loss, that of the weights kept."""
        return self.best.val_loss

    @property
    def ap(self) -> float:
        """COCO keypoint AP of the weights kept, 0 to 1, from the validation pass that chose them."""
        return self.best.val_ap

    @property
    def latency_text(self) -> str:
        """Its latency, to follow other figures; empty where there is none."""
        if self.latency is None:
            return ""
        error = self.latency_error
        predicted = "" if error is None else f" (predicted; half of the predictions are within {error:.1%})"
        return f", {self.latency:.3g} ms{predicted}"

    @property
    def measurements(self) -> dict[str, float]:
        """All that the search may rank it by, by name."""
        measured = {} if self.latency is None else {"latency": self.latency}
        return {
            "fitness": self.fitness,
            "ap": self.ap,
            "val_loss": self.val_loss,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            **measured,
        }

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value with all attributes, and ``val_loss`` and ``ap`` besides."""
        genotype = self.genotype.to_json()
        return asdict(self) | {"genotype": genotype, "val_loss": self.val_loss, "ap": self.ap}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned.

        Raises:
            ValueError, TypeError, KeyError: the value is not one of those.
        """
        values = dict(content)
        del values["val_loss"], values["ap"]
        values["genotype"] = Genotype.from_json(values["genotype"])
        values["epochs"] = tuple(EpochResult(**epoch) for epoch in values["epochs"])
        values["role"] = _role(values)
        if not values["epochs"]:
            raise ValueError("epochs: got none, must be at least one")
        return cls(**values)


def search_fitness(val_losses: Sequence[float], parameters: int, evolve: EvolveConfig) -> float:
    """Weigh a network's least val loss against its size, as section ``evolve`` says."""
    return fitness(val_losses, parameters, target_parameters=evolve.target_parameters, exponent=evolve.size_exponent)


@dataclass(frozen=True)
class IndividualFailure:
    """An individual that could not be trained.

    Attributes:
        number: position in the search, from 0.
        generation: 0 for the ancestor.
        parent: number of the parent; None without one.
        mutation: what differs from the parent, in words.
        genotype: its genes.
        attempts: how often it was tried.
        error: what went wrong the last time, in one line.
        details: the same at length, such as a traceback.
        role: what it is for.
    """

    number: int
    generation: int
    parent: int | None
    mutation: str
    genotype: Genotype
    attempts: int
    error: str
    details: str
    role: Role = Role.CHILD

    @classmethod
    def of(cls, spec: IndividualSpec, attempts: int, error: str, details: str) -> Self:
        """Return the failure of a spec's individual."""
        return cls(
            spec.number, spec.generation, spec.parent, spec.mutation, spec.genotype, attempts, error, details, spec.role
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value with all attributes."""
        return asdict(self) | {"genotype": self.genotype.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned.

        Raises:
            ValueError, TypeError, KeyError: the value is not one of those.
        """
        return cls(**{**content, "genotype": Genotype.from_json(content["genotype"]), "role": _role(content)})


def _role(content: Mapping[str, Any]) -> Role:
    """Read a role; files from before there were any hold ancestors and children alone."""
    return Role(content.get("role", Role.ANCESTOR if content["parent"] is None else Role.CHILD))

"""The individuals of a running search, counted as they come: what is told of them costs the same however many."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from evopose2d.config.schema import EvolveConfig
from evopose2d.evolution.sampler import OBJECTIVES, Individual, Objective, Role, State


class Tally:
    """How far a group of individuals has come.

    Attributes:
        done: how many are complete or failed.
        failed: how many of them failed.
        fittest: the complete one of least fitness, None before there is one; no control.
        most_precise: the complete one of greatest AP, None before there is one; no control.
    """

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.fittest: Individual | None = None
        self.most_precise: Individual | None = None

    def count(self, individual: Individual) -> None:
        """Count an individual that has finished."""
        self.done += 1
        if individual.state is State.FAILED:
            self.failed += 1
        elif individual.role is not Role.CONTROL:
            self.fittest = _better(self.fittest, individual, OBJECTIVES["fitness"])
            if individual.ap is not None:
                self.most_precise = _better(self.most_precise, individual, OBJECTIVES["ap"])


class Population(Mapping[int, Individual]):
    """All individuals that have a genotype, by number.

    Args:
        individuals: those that are known at first.

    Attributes:
        whole: tally of all.
        generations: a tally for each generation.
        children: how many children there are, whatever their state.
        controls: how many controls there are, whatever their state.
    """

    def __init__(self, individuals: Iterable[Individual] = ()) -> None:
        self._individuals: dict[int, Individual] = {}
        self.whole = Tally()
        self.generations: dict[int, Tally] = {}
        self.children = 0
        self.controls = 0
        self._children: dict[int, list[int]] = {}
        self._controls: dict[int, list[int]] = {}
        self._controls_by_generation: Counter[int] = Counter()
        for individual in individuals:
            self.note(individual)

    def __getitem__(self, number: int) -> Individual:
        return self._individuals[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._individuals)

    def __len__(self) -> int:
        return len(self._individuals)

    def note(self, individual: Individual) -> None:
        """Add an individual, or say what became of a running one.

        Raises:
            ValueError: the individual has finished before.
        """
        known = self._individuals.get(individual.number)
        if known is not None and known.state is not State.RUNNING:
            raise ValueError(f"individual {individual.number}: got noted again after it was {known.state}")
        self._individuals[individual.number] = individual
        if known is None:
            self._add(individual)
        tally = self.generations.setdefault(individual.generation, Tally())
        if individual.state is not State.RUNNING:
            tally.count(individual)
            self.whole.count(individual)

    def children_of_generation(self, generation: int) -> list[int]:
        """Return the numbers of a generation's children, whatever their state."""
        return list(self._children.get(generation, ()))

    def controls_before(self, individual: Individual) -> int:
        """Count the controls of an individual's parent up to the individual, itself included."""
        controls = self._controls.get(-1 if individual.parent is None else individual.parent, [])
        return bisect_right(controls, individual.number)

    @property
    def last_generation(self) -> int:
        """The greatest generation that has a child; 0 without any."""
        return max(self._children, default=0)

    def controls_after(self, generation: int) -> int:
        """Count the controls of later generations."""
        return sum(count for each, count in self._controls_by_generation.items() if each > generation)

    def _add(self, individual: Individual) -> None:
        if individual.role is Role.CHILD:
            self.children += 1
            self._children.setdefault(individual.generation, []).append(individual.number)
        elif individual.role is Role.CONTROL and individual.parent is not None:
            self.controls += 1
            self._controls.setdefault(individual.parent, []).append(individual.number)
            self._controls_by_generation[individual.generation] += 1


@dataclass(frozen=True)
class SearchSize:
    """How many individuals a search is to have.

    Attributes:
        generations: after the ancestor.
        children: in a generation.
        parents: of a generation, at most.
        generational: whether generations come one after the other.
        controls: whether parents get controls.
    """

    generations: int
    children: int
    parents: int
    generational: bool
    controls: bool

    @classmethod
    def of(cls, evolve: EvolveConfig) -> Self:
        """Return the size that section ``evolve`` says."""
        generational = evolve.schedule == "generational"
        return cls(evolve.generations, evolve.children, evolve.parents, generational, evolve.controls)

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Return the size that a search's stored settings say."""
        return cls(
            settings["evolve.generations"],
            settings["evolve.children"],
            settings["evolve.parents"],
            settings["evolve.schedule"] == "generational",
            settings.get("evolve.controls", False),
        )

    def total(self, population: Population) -> int:
        """Return how many individuals there will be; with controls it is an estimate until the last has come."""
        children = self.generations * self.children
        return 1 + max(children, population.children) + population.controls + self._controls_to_come(population)

    def generations_to_come(self, population: Population) -> list[int]:
        """Return how many individuals each generation will have of those without a child yet; generational."""
        begun = population.last_generation
        return [self.children + self._controls_of(generation) for generation in range(begun + 1, self.generations + 1)]

    def _controls_to_come(self, population: Population) -> int:
        if not self.controls:
            return 0
        if self.generational:
            expected = sum(size - self.children for size in self.generations_to_come(population))
            return max(0, expected - population.controls_after(population.last_generation))
        left = max(0, self.generations * self.children - population.children)
        return left // -(-self.children // self.parents)

    def _controls_of(self, generation: int) -> int:
        return min(self.parents, 1 + (generation - 1) * self.children) if self.controls else 0


def _better(best: Individual | None, challenger: Individual, objective: Objective) -> Individual:
    return challenger if best is None else min(best, challenger, key=lambda each: (objective(each), each.number))

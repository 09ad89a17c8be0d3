"""The individuals of a running search, counted as they come: what is told of them costs the same however many."""

from collections.abc import Iterable, Iterator, Mapping

from evopose2d.evolution.sampler import Individual, State, select


class Tally:
    """How far a group of individuals has come.

    Attributes:
        done: how many are complete or failed.
        failed: how many of them failed.
        fittest: the complete one of least fitness, None before there is one.
        most_precise: the complete one of greatest AP, None before there is one.
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
            return
        self.fittest = _better(self.fittest, individual, "fitness")
        if individual.ap is not None:
            self.most_precise = _better(self.most_precise, individual, "ap")


class Population(Mapping[int, Individual]):
    """All individuals that have a genotype, by number.

    Args:
        individuals: those that are known at first.

    Attributes:
        whole: tally of all.
        generations: a tally for each generation.
    """

    def __init__(self, individuals: Iterable[Individual] = ()) -> None:
        self._individuals: dict[int, Individual] = {}
        self.whole = Tally()
        self.generations: dict[int, Tally] = {}
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
        tally = self.generations.setdefault(individual.generation, Tally())
        if individual.state is not State.RUNNING:
            tally.count(individual)
            self.whole.count(individual)


def _better(best: Individual | None, challenger: Individual, selection: str) -> Individual:
    return challenger if best is None else select([best, challenger], 1, selection)[0]

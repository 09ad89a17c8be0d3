"""A search's individuals, indexed by what the next proposal needs to know of them."""

import bisect
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, KeysView, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from evopose2d.evolution.sampler.record import Individual, Role, State
from evopose2d.genotype import Genotype, SearchSpace, by_genes, neighbour_fingerprints

if TYPE_CHECKING:
    from evopose2d.evolution.sampler.selections.base import Selection

T = TypeVar("T")


class _Question(NamedTuple):
    selection: "Selection"
    wanted: int
    before: int | None
    exhausted: int


class _Unseen(NamedTuple):
    """How far the search for an individual's unseen neighbours has come: what was seen once stays so."""

    fingerprint: Hashable
    further: Iterator[Hashable]


class History:
    """What is known of a search so far.

    It only grows: individuals come, and running ones finish; a finished one never changes. Recording one costs the
    same however long the history is.

    Args:
        individuals: what is known at first.
        fingerprint: of a genotype; two of equal fingerprint count as one.
    """

    def __init__(
        self, individuals: Iterable[Individual] = (), fingerprint: Callable[[Genotype], Hashable] = by_genes
    ) -> None:
        self._fingerprint = fingerprint
        self._individuals: dict[int, Individual] = {}
        self._completed: list[Individual] = []
        self._completed_in: dict[int, list[Individual]] = {}
        self._completed_numbers: list[int] = []
        self._unfinished: set[int] = set()
        self._pending: set[int] = set()
        self._waiting: set[int] = set()
        self._seen: dict[Hashable, tuple[int, ...]] = {}
        self._unseen: dict[int, _Unseen] = {}
        self._exhausted: set[int] = set()
        self._next_number = 0
        self._generation = 1
        self._depths: dict[int, int] = {}
        self._children: Counter[int] = Counter()
        self._controls: dict[int, list[int]] = {}
        self._since_control: Counter[int] = Counter()
        self._indexes: dict[Hashable, Any] = {}
        self._ranked: tuple[_Question, list[Individual]] | None = None
        for individual in individuals:
            self.record(individual)

    @property
    def individuals(self) -> list[Individual]:
        """All individuals that have a genotype, by number."""
        return [self._individuals[number] for number in sorted(self._individuals)]

    @property
    def completed(self) -> Sequence[Individual]:
        """Individuals that have a fitness, in the order in which they were recorded as complete."""
        return self._completed

    @property
    def unfinished(self) -> Set[int]:
        """Numbers that are neither complete nor failed."""
        return self._unfinished

    @property
    def pending(self) -> Set[int]:
        """Unfinished numbers that have no genotype yet."""
        return self._pending

    @property
    def waiting(self) -> Set[int]:
        """Unfinished numbers that were put into the search by hand and that nobody has asked for yet."""
        return self._waiting

    @property
    def seen(self) -> KeysView[Hashable]:
        """Fingerprints of all genotypes, whatever became of them."""
        return self._seen.keys()

    @property
    def next_number(self) -> int:
        """One more than the greatest number known."""
        return self._next_number

    def get(self, number: int) -> Individual | None:
        """Return the individual of that number; None where it is not known or has no genotype yet."""
        return self._individuals.get(number)

    def __getitem__(self, number: int) -> Individual:
        return self._individuals[number]

    def holders(self, genotype: Genotype) -> tuple[int, ...]:
        """Return the numbers of the individuals other than controls that have a genotype."""
        return self._seen.get(self._fingerprint(genotype), ())

    def record(self, individual: Individual) -> None:
        """Add an individual, or note what became of a running one.

        Raises:
            ValueError: the individual has finished before.
        """
        number = individual.number
        known = self._individuals.get(number)
        if known is not None and known.state is not State.RUNNING:
            raise ValueError(f"individual {number}: got recorded again after it was {known.state}")
        if known is None or known.genotype != individual.genotype:
            self._note_genotype(known, individual)
        if known is None:
            self._count(individual)
        self._individuals[number] = individual
        self._pending.discard(number)
        self._note(number, finished=individual.state is not State.RUNNING)
        if individual.state is State.COMPLETE:
            self._completed.append(individual)
            self._completed_in.setdefault(individual.generation, []).append(individual)
            if individual.role is not Role.CONTROL:
                bisect.insort(self._completed_numbers, number)
            if self._ranked is not None and _is_before(individual, self._ranked[0].before):
                self._ranked = None

    def record_without_genotype(self, number: int, *, finished: bool) -> None:
        """Note a number without a genotype: one just being asked for, or one that ended before it got any."""
        self._note(number, finished=finished)
        if finished:
            self._pending.discard(number)
        else:
            self._pending.add(number)

    def note_waiting(self, number: int, *, waiting: bool) -> None:
        """Note whether an unfinished number is one that nobody has asked for yet."""
        (self._waiting.add if waiting else self._waiting.discard)(number)

    def has_unseen_neighbour(self, individual: Individual, space: SearchSpace) -> bool:
        """Return whether an individual has a neighbour in the space that has not been seen.

        Raises:
            ValueError: the individual lies outside the space.
        """
        number = individual.number
        if number in self._exhausted:
            return False
        unseen = self._unseen.pop(number, None)
        further = (
            neighbour_fingerprints(individual.genotype, space, self._fingerprint) if unseen is None else unseen.further
        )
        found = next(further, None) if unseen is None else unseen.fingerprint
        while found is not None and found in self._seen:
            found = next(further, None)
        if found is None:
            self._exhausted.add(number)
            return False
        self._unseen[number] = _Unseen(found, further)
        return True

    def is_candidate(self, individual: Individual, before: int | None) -> bool:
        """Return whether an individual is of an earlier generation, and not known to have no unseen neighbour."""
        return individual.number not in self._exhausted and _is_before(individual, before)

    def candidates(self, before: int | None = None) -> list[Individual]:
        """Return the complete individuals that are no controls and may become parents, in no particular order.

        Args:
            before: only earlier generations than this take part; None: all.
        """
        genomes = (each for each in self._completed if each.role is not Role.CONTROL)
        return [each for each in genomes if self.is_candidate(each, before)]

    def complete_generations(self, before: int | None = None) -> list[int]:
        """Return the generations with a complete individual, the last one first."""
        return sorted((each for each in self._completed_in if before is None or each < before), reverse=True)

    def in_generation(self, generation: int) -> Sequence[Individual]:
        """Return a generation's complete individuals, controls among them, in the order in which they completed."""
        return self._completed_in.get(generation, ())

    def youngest(self, count: int) -> list[Individual]:
        """Return the complete individuals of greatest number that are no controls, at most ``count``."""
        return [self._individuals[number] for number in self._completed_numbers[-count:]]

    def open_generation(self, children: int) -> int:
        """Return the generation, from 1 on, that the next child or control belongs to.

        Args:
            children: how many children a generation has.
        """
        return self._generation + (self._children[self._generation] >= children)

    def children(self, generation: int | None = None) -> int:
        """Count the children of a generation, or of all, whatever their state."""
        return self._children.total() if generation is None else self._children[generation]

    def children_since_control(self, parent: int) -> int:
        """Count the children that a parent has had since its last control, or ever."""
        return self._since_control[parent]

    def controls_of(self, parent: int) -> list[Individual]:
        """Return a parent's controls in any state, in the order in which they were proposed."""
        return [self._individuals[number] for number in self._controls.get(parent, ())]

    def depth(self, number: int) -> int:
        """Return how many parents an individual has in line; 0 for those without one."""
        return self._depths[number]

    def index(self, owner: Hashable, make: Callable[[], T]) -> T:
        """Return what a strategy keeps about this history from one call to the next.

        Args:
            owner: whose it is.
            make: makes it when it is asked for first.
        """
        if owner not in self._indexes:
            self._indexes[owner] = make()
        found: T = self._indexes[owner]
        return found

    def parents(self, selection: "Selection", space: SearchSpace, count: int, before: int | None) -> list[Individual]:
        """Return the best complete individuals that have an unseen neighbour.

        Args:
            selection: who is better.
            space: where neighbours are sought.
            count: how many to return; fewer where there are not as many.
            before: only earlier generations than this take part; None: all.

        Returns:
            Individuals, best first.
        """
        while True:
            # All children of a generation ask the same, so the last answer is kept as long as it is true.
            question = _Question(selection, count, before, len(self._exhausted))
            if self._ranked is None or self._ranked[0] != question:
                self._ranked = question, selection.best(self, count, before)
            best = self._ranked[1]
            exhausted = [each for each in best if not self.has_unseen_neighbour(each, space)]
            if not exhausted:
                return best

    def _note_genotype(self, known: Individual | None, individual: Individual) -> None:
        if known is not None:
            before = self._fingerprint(known.genotype)
            self._seen[before] = tuple(each for each in self._seen[before] if each != known.number)
        fingerprint = self._fingerprint(individual.genotype)
        holders = self._seen.get(fingerprint, ())
        self._seen[fingerprint] = holders if individual.role is Role.CONTROL else (*holders, individual.number)

    def _count(self, individual: Individual) -> None:
        """Note a child or a control that has just been proposed."""
        generation, parent = individual.generation, individual.parent
        if parent is None or individual.role not in (Role.CHILD, Role.CONTROL):
            self._depths[individual.number] = 0
            return
        self._depths[individual.number] = 1 + self._depths.get(parent, 0)
        self._generation = max(self._generation, generation)
        if individual.role is Role.CHILD:
            self._children[generation] += 1
            self._since_control[parent] += 1
        else:
            self._controls.setdefault(parent, []).append(individual.number)
            self._since_control[parent] = 0

    def _note(self, number: int, *, finished: bool) -> None:
        self._next_number = max(self._next_number, number + 1)
        if finished:
            self._unfinished.discard(number)
            self._waiting.discard(number)
        else:
            self._unfinished.add(number)


def _is_before(individual: Individual, generation: int | None) -> bool:
    return generation is None or individual.generation < generation

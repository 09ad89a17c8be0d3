"""A search's individuals, indexed by what the next proposal needs to know of them."""

import bisect
import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from evopose2d.evolution.sampler.record import Individual, Role, State
from evopose2d.evolution.sampler.selection import place, select
from evopose2d.genotype import Genotype, SearchSpace, identity, neighbour_keys


class _Question(NamedTuple):
    selection: str
    wanted: int
    before: int | None
    barren: int


class _Unseen(NamedTuple):
    """Where the look for an individual's unseen neighbours has come to: what was seen once stays so."""

    key: Hashable
    further: Iterator[Hashable]


class History:
    """What is known of a search so far.

    It only grows: individuals come, and running ones finish; a finished one never changes. Recording one and
    asking for the best cost next to the same however long the history is (``pareto`` looks at all of it).

    Args:
        individuals: what is known at first.
        key: what tells genotypes apart.
    """

    def __init__(self, individuals: Iterable[Individual] = (), key: Callable[[Genotype], Hashable] = identity) -> None:
        self._key = key
        self._individuals: dict[int, Individual] = {}
        self._completed: list[Individual] = []
        self._completed_numbers: list[int] = []
        self._queues: dict[str, tuple[list[tuple[float, int]], int]] = {}
        self._unseen: dict[int, _Unseen] = {}
        self._unfinished: set[int] = set()
        self._unborn: set[int] = set()
        self._seen: set[Hashable] = set()
        self._barren: set[int] = set()
        self._next_number = 0
        self._generation = 1
        self._children: Counter[int] = Counter()
        self._controls: dict[int, list[int]] = {}
        self._since_control: Counter[int] = Counter()
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
    def unborn(self) -> Set[int]:
        """Unfinished numbers that have no genotype yet."""
        return self._unborn

    @property
    def seen(self) -> Set[Hashable]:
        """Keys of all genotypes, whatever became of them."""
        return self._seen

    @property
    def next_number(self) -> int:
        """One more than the greatest number known."""
        return self._next_number

    def get(self, number: int) -> Individual | None:
        """Give the individual of that number; None where it is not known or has no genotype yet."""
        return self._individuals.get(number)

    def record(self, individual: Individual) -> None:
        """Add an individual, or say what became of a running one.

        Raises:
            ValueError: the individual has finished before.
        """
        known = self._individuals.get(individual.number)
        if known is not None and known.state is not State.RUNNING:
            raise ValueError(f"individual {individual.number}: got recorded again after it was {known.state}")
        if known is None or known.genotype != individual.genotype:
            self._seen.add(self._key(individual.genotype))
        if known is None:
            self._count(individual)
        self._individuals[individual.number] = individual
        self._unborn.discard(individual.number)
        self._note(individual.number, finished=individual.state is not State.RUNNING)
        if individual.state is State.COMPLETE:
            self._completed.append(individual)
            if individual.role is not Role.CONTROL:
                bisect.insort(self._completed_numbers, individual.number)
            if self._ranked is not None and _is_before(individual, self._ranked[0].before):
                self._ranked = None

    def record_without_genotype(self, number: int, *, finished: bool) -> None:
        """Note a number without a genotype: one just being asked for, or one that ended before it got any."""
        self._note(number, finished=finished)
        if finished:
            self._unborn.discard(number)
        else:
            self._unborn.add(number)

    def is_fertile(self, individual: Individual, space: SearchSpace) -> bool:
        """Tell whether an individual has a neighbour in the space that has not been seen.

        Raises:
            ValueError: the individual lies outside the space.
        """
        number = individual.number
        if number in self._barren:
            return False
        unseen = self._unseen.pop(number, None)
        further = neighbour_keys(individual.genotype, space, self._key) if unseen is None else unseen.further
        key = next(further, None) if unseen is None else unseen.key
        while key is not None and key in self._seen:
            key = next(further, None)
        if key is None:
            self._barren.add(number)
            return False
        self._unseen[number] = _Unseen(key, further)
        return True

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

    def youngest(self, count: int) -> list[Individual]:
        """Return the complete individuals of greatest number that are no controls, at most ``count``."""
        return [self._individuals[number] for number in self._completed_numbers[-count:]]

    def best_fertile(self, space: SearchSpace, selection: str, count: int, before: int | None) -> list[Individual]:
        """Return the best complete individuals that have an unseen neighbour; controls are none of them.

        Args:
            space: where neighbours are sought.
            selection: who is better, as :func:`select` takes it.
            count: how many to give; fewer where there are not as many.
            before: only earlier generations than this are considered; None: all.

        Returns:
            Individuals, best first.
        """
        while True:
            best = self._rank(selection, count, before)
            barren = [each for each in best if not self.is_fertile(each, space)]
            if not barren:
                return best

    def _rank(self, selection: str, count: int, before: int | None) -> list[Individual]:
        # All children of a generation ask the same, so the last answer is kept as long as it is true.
        question = _Question(selection, count, before, len(self._barren))
        if self._ranked is None or self._ranked[0] != question:
            if selection == "pareto":
                genomes = (
                    each for each in self._completed if each.role is not Role.CONTROL and _is_before(each, before)
                )
                best = select([each for each in genomes if each.number not in self._barren], count, selection)
            else:
                best = self._first_in_queue(selection, count, before)
            self._ranked = (question, best)
        return self._ranked[1]

    def _first_in_queue(self, selection: str, count: int, before: int | None) -> list[Individual]:
        """As ``select``, from a queue that is kept in order: those at its head alone are looked at."""
        queue, taken_in = self._queues.get(selection, ([], 0))
        newcomers = [each for each in self._completed[taken_in:] if each.role is not Role.CONTROL]
        for newcomer in newcomers:
            heapq.heappush(queue, place(newcomer, selection))
        self._queues[selection] = queue, len(self._completed)
        best: list[Individual] = []
        looked_at = []
        while queue and len(best) < count:
            head = heapq.heappop(queue)
            number = head[-1]
            if number in self._barren:
                continue  # for ever
            looked_at.append(head)
            if _is_before(self._individuals[number], before):
                best.append(self._individuals[number])
        for head in looked_at:
            heapq.heappush(queue, head)
        return best

    def _count(self, individual: Individual) -> None:
        """Note a child or a control that has just been proposed."""
        generation, parent = individual.generation, individual.parent
        if parent is None or individual.role not in (Role.CHILD, Role.CONTROL):
            return
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
        else:
            self._unfinished.add(number)


def _is_before(individual: Individual, generation: int | None) -> bool:
    return generation is None or individual.generation < generation

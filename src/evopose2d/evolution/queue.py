"""Who waits to be trained, who is being trained, and how often each was tried."""

from collections import Counter, deque
from collections.abc import Callable


class Queue:
    """The individuals that are to be trained, in the order in which they came.

    Args:
        parent_of: gives an individual's parent, None for one without.

    Attributes:
        running: those that are being trained, with the time since when.
    """

    def __init__(self, parent_of: Callable[[int], int | None]) -> None:
        self.running: dict[int, float] = {}
        self._parent_of = parent_of
        self._waiting: deque[int] = deque()
        self._attempts: Counter[int] = Counter()
        self._restored: set[int] = set()

    def __len__(self) -> int:
        """Count those that wait or are being trained."""
        return len(self._waiting) + len(self.running)

    def add(self, number: int) -> None:
        """Have an individual trained after those that wait."""
        self._waiting.append(number)

    def add_again(self, number: int) -> None:
        """Have an individual trained before those that wait."""
        self._waiting.appendleft(number)

    def restore(self, number: int) -> None:
        """Have an individual trained again whose files are gone; its children wait for them."""
        self._restored.add(number)
        self.add(number)

    def is_restored(self, number: int) -> bool:
        """Tell whether an individual is trained again because its files are gone."""
        return number in self._restored

    def take(self, now: float) -> int | None:
        """Give the next to be trained, which counts as running from now; None where nobody can be."""
        number = next((each for each in self._waiting if self._parent_of(each) not in self._restored), None)
        if number is not None:
            self._waiting.remove(number)
            self.running[number] = now
        return number

    def leave(self, number: int) -> None:
        """Note that an individual is not being trained any more."""
        del self.running[number]

    def finish(self, number: int) -> None:
        """Note that an individual's files are there."""
        self._restored.discard(number)

    def attempt(self, number: int) -> int:
        """Count a failed attempt; gives how many there were."""
        self._attempts[number] += 1
        return self._attempts[number]

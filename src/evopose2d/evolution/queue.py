"""Who waits to be trained, who is being trained, and how often each was tried."""

from collections import Counter, deque
from collections.abc import Callable, Set


class Queue:
    """The individuals that are to be trained, in the order in which they came.

    Args:
        awaits: whether an individual has to wait for any of those that are trained again because their files are gone.

    Attributes:
        running: those that are being trained, with the time since when.
        restored: those that are trained again because their files are gone.
    """

    def __init__(self, awaits: Callable[[int, Set[int]], bool]) -> None:
        self.running: dict[int, float] = {}
        self.restored: set[int] = set()
        self._awaits = awaits
        self._waiting: deque[int] = deque()
        self._attempts: Counter[int] = Counter()

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
        """Have an individual trained again whose files are gone."""
        self.restored.add(number)
        self.add(number)

    def take(self, now: float) -> int | None:
        """Return the next to be trained, which counts as running from now; None where nobody can be."""
        number = next((each for each in self._waiting if not self._has_to_wait(each)), None)
        if number is not None:
            self._waiting.remove(number)
            self.running[number] = now
        return number

    def leave(self, number: int) -> None:
        """Note that an individual is not being trained any more."""
        del self.running[number]

    def finish(self, number: int) -> None:
        """Note that an individual's files are there."""
        self.restored.discard(number)

    def attempt(self, number: int) -> int:
        """Count a failed attempt; returns how many there were."""
        self._attempts[number] += 1
        return self._attempts[number]

    def _has_to_wait(self, number: int) -> bool:
        return bool(self.restored) and self._awaits(number, self.restored)

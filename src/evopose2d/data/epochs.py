"""The order of an epoch: who stands where in its batches, and in which order people are loaded.

Everything here is a function of the seed, the epoch's number and how many people each record holds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.augmentation import draw

_TURN = 2
"""Records whose people take turns, for each person of a batch: more take memory, fewer leave alike people closer."""

TASK = 16
"""People that are loaded at a time, up to the end of the last one's record."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """The L places of an epoch's batches, N people, and T tasks, each of which loads the people of some places.

    Attributes:
        people: (L,) int64, the person at each place; some stand at several.
        drawn: (N, 6) float64, what changes each person's crop (``augmentation.draw``); empty where nothing is drawn.
        places: (L,) int64, all places in the order of loading: those of a record stand together.
        ends: (T + 1,) int64; task ``t`` loads ``places[ends[t]:ends[t + 1]]``.
        largest: places that have to be loaded, at most, before the first batch among them is complete.
    """

    people: NDArray[np.int64]
    drawn: NDArray[np.float64]
    places: NDArray[np.int64]
    ends: NDArray[np.int64]
    largest: int

    @property
    def tasks(self) -> int:
        """T, how many tasks load the epoch."""
        return len(self.ends) - 1

    def task(self, number: int) -> NDArray[np.int64]:
        """Return the places that a task loads."""
        return self.places[self.ends[number] : self.ends[number + 1]]


def training_epoch(counts: NDArray[np.int64], seed: int, epoch: int, batch_size: int) -> Epoch:
    """Return an epoch of training: everybody once, then the first again until the last batch is full.

    Records are shuffled, all of them at once. Then the people of twice as many records as a batch has people take
    turns, those of an image as far apart as can be: they look alike, and a batch should hold few of them.

    Args:
        counts: (R,) people of each record.
        seed: of order and augmentation.
        epoch: its number, counted from 0.
        batch_size: people in a batch.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(counts))
    drawn = draw(rng, int(counts.sum()))
    shuffled = counts[order]
    turns = taking_turns(shuffled, _TURN * batch_size)
    ranks = np.repeat(np.arange(len(counts)), shuffled)[turns]
    within = (np.arange(len(turns)) - np.repeat(np.cumsum(shuffled) - shuffled, shuffled))[turns]
    people = (np.cumsum(counts) - counts)[order][ranks] + within
    size = -(-len(people) // batch_size) * batch_size
    # Who stands a second time is loaded a second time, at the end.
    again = np.arange(size) >= len(people)
    ranks = np.resize(ranks, size)
    places = np.lexsort((ranks, again))
    segments = np.bincount(np.repeat(np.arange(len(counts)) // (_TURN * batch_size), shuffled))
    return Epoch(
        people=np.resize(people, size),
        drawn=drawn,
        places=places,
        ends=_ends(np.stack([again, ranks])[:, places]),
        largest=int(segments.max()),
    )


def ordered_epoch(counts: NDArray[np.int64], batch_size: int) -> Epoch:
    """Return everybody in the order of the records; the last batch is filled by repeating the last person.

    Args:
        counts: (R,) people of each record.
        batch_size: people in a batch.
    """
    people = int(counts.sum())
    size = -(-people // batch_size) * batch_size
    numbers = np.minimum(np.arange(size), people - 1)
    records = np.repeat(np.arange(len(counts)), counts)[numbers]
    return Epoch(numbers, np.empty((0, 6)), np.arange(size), _ends(records[np.newaxis]), largest=0)


def most_in_turn(counts: NDArray[np.int64], batch_size: int) -> int:
    """Return a bound of ``Epoch.largest`` over all epochs of training."""
    return int(np.sort(counts)[-_TURN * batch_size :].sum())


def taking_turns(counts: NDArray[np.int64], group: int | None = None) -> NDArray[np.int64]:
    """Return the order of the people of some records, each record's as far apart as can be.

    Records of one person keep their order.

    Args:
        counts: (R,) people of each record.
        group: records whose people take turns; None: all of them.

    Returns:
        (P,) places among the people of all records, one record's after the other's.
    """
    group = group or max(len(counts), 1)
    numbers = np.arange(len(counts))
    groups = numbers // group
    sizes = np.bincount(groups)
    starts = (numbers % group + 0.5) / sizes[groups]
    records = np.repeat(numbers, counts)
    within = np.arange(len(records)) - np.repeat(np.cumsum(counts) - counts, counts)
    moments = (within + starts[records]) / counts[records]
    return np.lexsort((moments, groups[records]))


def _ends(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where tasks end among places (keys, L) in the order of loading; equal keys are loaded together."""
    size = keys.shape[1]
    starts = np.flatnonzero(np.concatenate([[True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)]))
    # A record belongs to the task that its first place falls in.
    tasks = starts // TASK
    firsts = starts[np.concatenate([[True], tasks[1:] != tasks[:-1]])]
    return np.append(firsts, size)

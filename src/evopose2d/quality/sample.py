"""The genotypes of the ground truth, and the order in which they are trained: every prefix of it is of use."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from evopose2d.genotype import BLOCKS, Block, Genotype, PaperSpace, mutate

MOST_MUTATIONS = 12
"""Longest random walk from the ancestor, in mutations."""
REPEAT_EVERY = 6
"""Of so many genotypes, one is trained with two more seeds."""
REPLICATES = 3
"""Seeds of a genotype that is repeated."""


@dataclass(frozen=True)
class Sampled:
    """A genotype of the sample.

    Attributes:
        number: position in the sample, from 0 (the ancestor).
        mutations: steps of the random walk that led to it, 0 for the ancestor; None where it was drawn uniformly.
        genotype: its genes.
    """

    number: int
    mutations: int | None
    genotype: Genotype


@dataclass(frozen=True)
class Job:
    """One training of a sampled genotype.

    Attributes:
        sampled: whom to train.
        replicate: which of its seeds, from 0.
    """

    sampled: Sampled
    replicate: int

    @property
    def key(self) -> tuple[int, int]:
        """What tells it apart: number of the genotype and replicate."""
        return self.sampled.number, self.replicate


def sample(space: PaperSpace, seed: int) -> Iterator[Sampled]:
    """Draw genotypes without end: the ancestor, then in turns by a random walk from it and uniformly from the space.

    A walk has 1 to 12 mutations, each drawn as a search draws it. No genotype comes twice. What comes at a position
    depends on the space and the seed alone, however many are asked for.

    Args:
        space: limits of the genes. A small space runs out: the iterator then never gives another.
        seed: of all draws, at least 0.
    """
    seen = {space.ancestor}
    yield Sampled(0, 0, space.ancestor)
    for number in count(1):
        rng = np.random.default_rng([seed, number])
        while True:
            drawn = _walk(space, rng) if number % 2 else (None, uniform(space, rng))
            if drawn[1] not in seen:
                break
        seen.add(drawn[1])
        yield Sampled(number, *drawn)


def jobs(space: PaperSpace, seed: int, genotypes: int) -> Iterator[Job]:
    """Yield the trainings of the first ``genotypes`` of a sample, in order.

    After every six genotypes one of them, by turns of each kind, comes with two more seeds.
    """
    drawn = sample(space, seed)
    group: list[Sampled] = []
    for _ in range(genotypes):
        group.append(next(drawn))
        yield Job(group[-1], 0)
        if len(group) == REPEAT_EVERY:
            repeated = group[group[0].number // REPEAT_EVERY % REPEAT_EVERY]
            yield from (Job(repeated, replicate) for replicate in range(1, REPLICATES))
            group = []


def uniform(space: PaperSpace, rng: np.random.Generator) -> Genotype:
    """Draw a genotype of the space, each with the same probability.

    Raises:
        ValueError: the space holds so few of the stride patterns that none was found in 10,000 draws.
    """
    for _ in range(10_000):
        genotype = Genotype(tuple(_uniform_block(space, index, rng) for index in range(BLOCKS)))
        if genotype in space:
            return genotype
    raise ValueError(f"strided: got {list(space.strided)}, which hardly any genotype of the space fulfils")


def _uniform_block(space: PaperSpace, index: int, rng: np.random.Generator) -> Block:
    ancestor = space.ancestor.blocks[index]
    return Block(
        kernel=int(rng.choice(space.kernels)),
        repeats=int(rng.integers(space.repeats[0], space.repeats[1] + 1)),
        channels=int(rng.integers(1, ancestor.channels + 1)),
        stride=int(rng.integers(1, 3)) if space.may_stride(index) else ancestor.stride,
    )


def _walk(space: PaperSpace, rng: np.random.Generator) -> tuple[int, Genotype]:
    """Return the steps of a walk and where it ends; it never comes back to where it was."""
    steps = int(rng.integers(1, MOST_MUTATIONS + 1))
    visited = [space.ancestor]
    for _ in range(steps):
        visited.append(mutate(visited[-1], space, set(visited), rng))
    return steps, visited[-1]

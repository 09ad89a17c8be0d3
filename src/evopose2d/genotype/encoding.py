"""A genotype: seven blocks of four genes."""

import json
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

BLOCKS = 7
"""Blocks of a network, each with its own genes."""


class Block(NamedTuple):
    """The genes of one block.

    Attributes:
        kernel: side of the depthwise convolutions in pixels, odd.
        repeats: layers of the block, from 1.
        channels: output channels in eighths (3 means 24 channels), from 1.
        stride: stride of the block's first layer, 1 or 2.
    """

    kernel: int
    repeats: int
    channels: int
    stride: int


GENES = Block._fields
"""Names of a block's genes, in the order in which a genotype lists them."""

_RULES: dict[str, tuple[Callable[[int], bool], str]] = {
    "kernel": (lambda value: value >= 1 and value % 2 == 1, "odd and at least 1"),
    "repeats": (lambda value: value >= 1, "at least 1"),
    "channels": (lambda value: value >= 1, "at least 1"),
    "stride": (lambda value: value in (1, 2), "1 or 2"),
}


@dataclass(frozen=True)
class Genotype:
    """What a search varies of a network. Equal genotypes have equal hashes.

    Attributes:
        blocks: the seven blocks, from the input on.

    Raises:
        ValueError: not seven blocks, or a gene that no network can have.
    """

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if len(self.blocks) != BLOCKS:
            raise ValueError(f"got {len(self.blocks)} blocks, must be {BLOCKS}")
        for number, block in enumerate(self.blocks, start=1):
            for gene, value in zip(GENES, block, strict=True):
                holds, allowed = _RULES[gene]
                if not holds(value):
                    raise ValueError(f"block {number}: got {gene} {value}, must be {allowed}")

    @classmethod
    def from_lists(cls, lists: Iterable[Iterable[int]]) -> "Genotype":
        """Build a genotype from seven lists of [kernel, repeats, channels / 8, stride].

        Raises:
            ValueError: one line with what was received and what is allowed.
        """
        return cls(tuple(_block(number, values) for number, values in enumerate(lists, start=1)))

    def to_lists(self) -> list[list[int]]:
        """Give seven lists of [kernel, repeats, channels / 8, stride], as ``params.yaml`` holds them."""
        return [list(block) for block in self.blocks]

    def with_gene(self, block: int, gene: str, value: int) -> "Genotype":
        """Give this genotype with one gene replaced; ``block`` counts from 0."""
        changed = self.blocks[block]._replace(**{gene: value})
        return Genotype((*self.blocks[:block], changed, *self.blocks[block + 1 :]))

    @property
    def strided(self) -> int:
        """Number of blocks that halve the resolution, 0 to 7."""
        return sum(block.stride == 2 for block in self.blocks)

    def __str__(self) -> str:
        return json.dumps(self.to_lists())


def _block(number: int, values: Iterable[int]) -> Block:
    try:
        received = list(values)
        integers = [operator.index(value) for value in received if not isinstance(value, bool)]
    except TypeError:
        integers = []
    if len(integers) != len(GENES) or len(received) != len(GENES):
        raise ValueError(f"block {number}: got {values!r}, must be four integers: {', '.join(GENES)}")
    return Block(*integers)

"""A genotype: seven blocks of four genes, and what else of a network a search space varies."""

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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

BLOCK_GENE_NAMES = tuple(f"b{block}_{gene}" for block in range(1, BLOCKS + 1) for gene in GENES)
"""Names of the genes of all blocks, ``b1_kernel`` to ``b7_stride``: by block, then in a block's order."""

FURTHER_GENES = ("expansion", "squeeze")
"""Names of two more genes that a block may have: how many times its depthwise convolution is as wide as its input, and
by how much squeeze-excitation divides the input's channels. A block without them has the usual ones."""

_PLACES = {f"b{block + 1}_{gene}": (block, gene) for block in range(BLOCKS) for gene in GENES}
_OF_BLOCK = re.compile(rf"b[1-{BLOCKS}]_({'|'.join(FURTHER_GENES)})")
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
        others: further genes by name, in alphabetical order: ``b3_expansion`` and ``b3_squeeze`` of a block, which has
            both or neither, and keys of section ``model``, such as ``head_channels``.

    Raises:
        ValueError: not seven blocks, a gene that no network can have, or further genes out of order.
    """

    blocks: tuple[Block, ...]
    others: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if len(self.blocks) != BLOCKS:
            raise ValueError(f"got {len(self.blocks)} blocks, must be {BLOCKS}")
        for number, block in enumerate(self.blocks, start=1):
            for gene, value in zip(GENES, block, strict=True):
                holds, allowed = _RULES[gene]
                if not holds(value):
                    raise ValueError(f"block {number}: got {gene} {value}, must be {allowed}")
        names = [name for name, _ in self.others]
        if names != sorted(set(names) - set(BLOCK_GENE_NAMES)):
            raise ValueError(f"got genes {', '.join(names)}, must be distinct, in order, and none of a block's")
        others = dict(self.others)
        for number in range(1, BLOCKS + 1):
            received = {name: others[name] for name in _further_names(number) if name in others}
            if received and (len(received) < len(FURTHER_GENES) or min(received.values()) < 1):
                told = " and ".join(f"{name.partition('_')[2]} {value}" for name, value in received.items())
                raise ValueError(f"block {number}: got {told}, must be expansion and squeeze, both at least 1")

    @classmethod
    def from_lists(cls, lists: Iterable[Iterable[int]]) -> "Genotype":
        """Build a genotype from seven lists of [kernel, repeats, channels / 8, stride], or [..., expansion, squeeze].

        Raises:
            ValueError: one line with what was received and what is allowed.
        """
        rows = [_integers(number, values) for number, values in enumerate(lists, start=1)]
        further = {
            name: value
            for number, row in enumerate(rows, start=1)
            for name, value in zip(_further_names(number), row[len(GENES) :], strict=False)
        }
        return cls(tuple(Block(*row[: len(GENES)]) for row in rows), tuple(sorted(further.items())))

    def to_lists(self) -> list[list[int]]:
        """Return the blocks as ``params.yaml`` holds them: [kernel, repeats, channels / 8, stride] each.

        Blocks with further genes have six values: [..., expansion, squeeze].
        """
        others = dict(self.others)
        return [
            [*block, *(others[name] for name in _further_names(number) if name in others)]
            for number, block in enumerate(self.blocks, start=1)
        ]

    @classmethod
    def from_json(cls, content: Any) -> "Genotype":  # noqa: ANN401 - what JSON holds
        """Read what :meth:`to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: the value is not one of those.
        """
        if not isinstance(content, Mapping):
            return cls.from_lists(content)
        genotype = cls.from_lists(content["blocks"])
        others = {name: operator.index(value) for name, value in content.items() if name != "blocks"}
        return cls(genotype.blocks, tuple(sorted([*genotype.others, *others.items()])))

    def to_json(self) -> Any:  # noqa: ANN401 - what JSON holds
        """Return a JSON value: the blocks' lists alone, or an object of ``blocks`` and the further genes."""
        return {"blocks": self.to_lists(), **self.settings} if self.settings else self.to_lists()

    @property
    def genes(self) -> dict[str, int]:
        """All genes by name: ``b1_kernel`` to ``b7_stride``, then the further ones."""
        values = (value for block in self.blocks for value in block)
        return dict(zip(BLOCK_GENE_NAMES, values, strict=True)) | dict(self.others)

    def with_genes(self, genes: Mapping[str, int]) -> "Genotype":
        """Return this genotype with some genes replaced, by name.

        Raises:
            ValueError: a gene that it does not have, or that no network can have.
        """
        blocks, others = list(self.blocks), dict(self.others)
        for name, value in genes.items():
            if name in _PLACES:
                block, gene = _PLACES[name]
                blocks[block] = blocks[block]._replace(**{gene: value})
            elif name in others:
                others[name] = value
            else:
                raise ValueError(f"got gene {name}, must be one of {', '.join(self.genes)}")
        return Genotype(tuple(blocks), tuple(others.items()))

    def with_gene(self, block: int, gene: str, value: int) -> "Genotype":
        """Return this genotype with one gene of a block replaced; ``block`` counts from 0."""
        changed = self.blocks[block]._replace(**{gene: value})
        return Genotype((*self.blocks[:block], changed, *self.blocks[block + 1 :]), self.others)

    @property
    def model_settings(self) -> dict[str, Any]:
        """What section ``model`` has to hold for the network that the genotype builds."""
        return {"genotype": self.to_lists(), **self.settings}

    @property
    def settings(self) -> dict[str, int]:
        """The further genes that are keys of section ``model`` by themselves, such as ``head_channels``."""
        return {name: value for name, value in self.others if not _OF_BLOCK.fullmatch(name)}

    @property
    def strided(self) -> int:
        """Number of blocks that halve the resolution, 0 to 7."""
        return sum(block.stride == 2 for block in self.blocks)

    def __str__(self) -> str:
        return json.dumps(self.to_json())


def _integers(number: int, values: Iterable[int]) -> list[int]:
    try:
        received = list(values)
        integers = [operator.index(value) for value in received if not isinstance(value, bool)]
    except TypeError:
        received, integers = [], []
    if len(integers) not in (len(GENES), len(GENES) + len(FURTHER_GENES)) or len(received) != len(integers):
        raise ValueError(
            f"block {number}: got {values!r}, must be four integers: {', '.join(GENES)}; or six, with "
            f"{' and '.join(FURTHER_GENES)}"
        )
    return integers


def _further_names(number: int) -> list[str]:
    return [f"b{number}_{gene}" for gene in FURTHER_GENES]

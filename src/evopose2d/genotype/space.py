"""The genotypes that a search may visit, and the steps between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from evopose2d.genotype.encoding import BLOCKS, GENES, Block, Genotype


class Gene(NamedTuple):
    """What values a gene may have.

    Attributes:
        values: ascending, at least one.
        ordered: whether they are a range of whole numbers, rather than categories.
    """

    values: tuple[int, ...]
    ordered: bool


class Mutation(NamedTuple):
    """One gene's change, and that of the genes that have to change with it.

    Attributes:
        name: of the gene, such as ``b4_kernel``.
        value: the gene's new value, never its old one.
        probability: how often one draw gives this change, 0 to 1.
        along: names and new values of the genes that depend on it.
    """

    name: str
    value: int
    probability: float
    along: tuple[tuple[str, int], ...] = ()

    def applied_to(self, parent: Genotype) -> Genotype:
        """Return the child that this change makes of ``parent``."""
        return parent.with_genes({self.name: self.value, **dict(self.along)})


class SearchSpace(Protocol):
    """What a sampler has to know of the genotypes that a search may visit.

    What network a genotype builds is the genotype's own: its blocks and further genes are keys of section ``model``
    (:attr:`Genotype.model_settings`), so a space with another gene of that section is one more class like these.
    """

    @property
    def ancestor(self) -> Genotype:
        """The genotype that a search starts from."""

    @property
    def genes(self) -> Mapping[str, Gene]:
        """The values of every gene, by name, in the order of :attr:`Genotype.genes`."""

    def __contains__(self, genotype: Genotype) -> bool:
        """Return whether a genotype lies within the space."""

    def check(self, genotype: Genotype) -> None:
        """Hold a genotype against the space.

        Raises:
            ValueError: one line with the first gene that lies outside and what is allowed.
        """

    def mutations(self, parent: Genotype) -> list[Mutation]:
        """Return every change of one gene that its values allow, with the probability of drawing it.

        The probabilities add up to 1 at most: the rest are draws that change nothing. What a change leads to is held
        against the space once more when it is drawn, so a space that is costly to ask may return too many.
        """


@dataclass(frozen=True)
class PaperSpace:
    """The paper's space: kernel, repeats, channels and stride of each block.

    Attributes:
        ancestor: the genotype that a search starts from; its channels are the most that each block may have.
        kernels: values of the kernel gene.
        repeats: least and greatest value of the repeats gene.
        stride_blocks: how many of the last blocks may change their stride, 0 to 7.
        strided: least and greatest number of blocks with stride 2.

    Raises:
        ValueError: a limit that cannot be, or an ancestor beyond the limits.
    """

    ancestor: Genotype
    kernels: tuple[int, ...] = (3, 5)
    repeats: tuple[int, int] = (1, 4)
    stride_blocks: int = 3
    strided: tuple[int, int] = (3, 4)

    def __post_init__(self) -> None:
        distinct_odd = {kernel for kernel in self.kernels if kernel >= 1 and kernel % 2 == 1}
        if not self.kernels or len(distinct_odd) != len(self.kernels):
            raise ValueError(f"kernels: got {list(self.kernels)}, must be distinct odd numbers, at least one")
        if not 1 <= self.repeats[0] <= self.repeats[1]:
            raise ValueError(f"repeats: got {list(self.repeats)}, must be least and greatest, from 1 on")
        if not 0 <= self.stride_blocks <= BLOCKS:
            raise ValueError(f"stride_blocks: got {self.stride_blocks}, must be 0 to {BLOCKS}")
        if not 0 <= self.strided[0] <= self.strided[1] <= BLOCKS:
            raise ValueError(f"strided: got {list(self.strided)}, must be least and greatest, 0 to {BLOCKS}")
        violation = self._violation(self.ancestor)
        if violation:
            raise ValueError(f"ancestor: {violation}")

    @property
    def max_channels(self) -> tuple[int, ...]:
        """Greatest value of each block's channels gene, in eighths: the ancestor's."""
        return tuple(block.channels for block in self.ancestor.blocks)

    def may_stride(self, block: int) -> bool:
        """Return whether a block, counted from 0, may change its stride."""
        return block >= BLOCKS - self.stride_blocks

    @property
    def genes(self) -> dict[str, Gene]:
        """The values of every gene. Channels are in eighths; a stride that cannot change has one value."""
        found: dict[str, Gene] = {}
        for index, block in enumerate(self.ancestor.blocks):
            prefix = f"b{index + 1}_"
            found[f"{prefix}kernel"] = Gene(self.kernels, ordered=False)
            found[f"{prefix}repeats"] = Gene(tuple(range(self.repeats[0], self.repeats[1] + 1)), ordered=True)
            found[f"{prefix}channels"] = Gene(tuple(range(1, block.channels + 1)), ordered=True)
            found[f"{prefix}stride"] = Gene((1, 2) if self.may_stride(index) else (block.stride,), ordered=False)
        return found

    def mutations(self, parent: Genotype) -> list[Mutation]:
        """Return every change of one gene that stays within the space, with the probability of drawing it.

        A block and one of its four genes are drawn uniformly, then the gene's value: kernel uniform over the space's,
        repeats one up or down with equal chance (at an end of the range, the only way there is), channels uniform from
        1 to the ancestor's, stride the other of 1 and 2. The probabilities add up to less than 1: the rest are draws
        that change nothing.
        """
        gene_probability = 1 / (BLOCKS * len(GENES))
        return [
            Mutation(f"b{index + 1}_{gene}", value, gene_probability * probability)
            for index in range(BLOCKS)
            for gene, value, probability in self._changes(parent, index)
        ]

    def _changes(self, parent: Genotype, index: int) -> Iterator[tuple[str, int, float]]:
        block = parent.blocks[index]
        for kernel in self.kernels:
            if kernel != block.kernel:
                yield "kernel", kernel, 1 / len(self.kernels)
        least, greatest = self.repeats
        steps = [repeats for repeats in (block.repeats - 1, block.repeats + 1) if least <= repeats <= greatest]
        for repeats in steps:
            yield "repeats", repeats, 1 / len(steps)
        max_channels = self.max_channels[index]
        for channels in range(1, max_channels + 1):
            if channels != block.channels:
                yield "channels", channels, 1 / max_channels
        if self.may_stride(index):
            least, greatest = self.strided
            if block.stride == 2 and parent.strided > least:
                yield "stride", 1, 1.0
            elif block.stride == 1 and parent.strided < greatest:
                yield "stride", 2, 1.0

    def __contains__(self, genotype: Genotype) -> bool:
        return self._violation(genotype) is None

    def check(self, genotype: Genotype) -> None:
        """Hold a genotype against the space.

        Raises:
            ValueError: one line with the first gene that lies outside and what is allowed.
        """
        violation = self._violation(genotype)
        if violation:
            raise ValueError(f"genotype {genotype} lies outside the search space: {violation}")

    def _violation(self, genotype: Genotype) -> str | None:
        if genotype.others:
            return f"got genes {', '.join(dict(genotype.others))}, must be those of blocks alone"
        for index, block in enumerate(genotype.blocks):
            violation = self._block_violation(index, block)
            if violation:
                return f"block {index + 1}: got {violation}"
        if not self.strided[0] <= genotype.strided <= self.strided[1]:
            return f"got {genotype.strided} blocks of stride 2, must be {self.strided[0]} to {self.strided[1]}"
        return None

    def _block_violation(self, index: int, block: Block) -> str | None:
        ancestor = self.ancestor.blocks[index]
        if block.kernel not in self.kernels:
            return f"kernel {block.kernel}, must be one of {list(self.kernels)}"
        if not self.repeats[0] <= block.repeats <= self.repeats[1]:
            return f"repeats {block.repeats}, must be {self.repeats[0]} to {self.repeats[1]}"
        if block.channels > ancestor.channels:
            return f"channels {block.channels}, must be 1 to {ancestor.channels}"
        if block.stride != ancestor.stride and not self.may_stride(index):
            return f"stride {block.stride}, must be {ancestor.stride}"
        return None

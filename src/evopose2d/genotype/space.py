"""The genotypes that a search may visit."""

from dataclasses import dataclass

from evopose2d.genotype.encoding import BLOCKS, Block, Genotype


@dataclass(frozen=True)
class SearchSpace:
    """Limits of each gene. A genotype lies within the space if ``genotype in space``.

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
        """Tell whether a block, counted from 0, may change its stride."""
        return block >= BLOCKS - self.stride_blocks

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

"""How many genotypes a search space holds."""

import math

from evopose2d.genotype.encoding import BLOCKS
from evopose2d.genotype.space import PaperSpace


def paper_space_size(space: PaperSpace) -> int:
    """Count the space as the paper does: kernels x repeats x channels x 2 for each block that may stride.

    With the paper's ancestor this is 67,645,734,912,000, about 6.8e13. It counts stride patterns that the
    limit on strided blocks forbids; :func:`reachable_size` does not.
    """
    return _unstrided_size(space) * 2**space.stride_blocks


def reachable_size(space: PaperSpace) -> int:
    """Count the genotypes that mutations can reach from the ancestor, the ancestor included.

    All values of kernel, repeats and channels can be reached one by one. Stride patterns are connected where
    the space allows at least two numbers of strided blocks; with a single number, no stride can ever change.
    """
    fixed = sum(block.stride == 2 for index, block in enumerate(space.ancestor.blocks) if not space.may_stride(index))
    least = max(0, space.strided[0] - fixed)
    greatest = min(space.stride_blocks, space.strided[1] - fixed)
    if least == greatest:
        return _unstrided_size(space)
    patterns = sum(math.comb(space.stride_blocks, count) for count in range(least, greatest + 1))
    return _unstrided_size(space) * patterns


def _unstrided_size(space: PaperSpace) -> int:
    kernels_and_repeats = len(space.kernels) * (space.repeats[1] - space.repeats[0] + 1)
    return kernels_and_repeats**BLOCKS * math.prod(space.max_channels)

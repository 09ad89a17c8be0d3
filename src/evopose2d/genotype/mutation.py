"""The mutation: one gene of one block changes."""

from collections.abc import Callable, Container, Hashable, Iterator
from typing import NamedTuple

import numpy as np

from evopose2d.genotype.encoding import BLOCKS, GENES, Genotype
from evopose2d.genotype.space import SearchSpace


class NoUnseenNeighbour(LookupError):  # noqa: N818 - the end of a search, not a fault
    """Every genotype one mutation away has been seen."""


class Mutation(NamedTuple):
    """One gene's change.

    Attributes:
        block: index of the block, from 0.
        gene: name of the gene.
        value: the gene's new value, never its old one.
        probability: how often one draw of (block, gene, value) gives this change, 0 to 1.
    """

    block: int
    gene: str
    value: int
    probability: float

    def applied_to(self, parent: Genotype) -> Genotype:
        """Return the child that this change makes of ``parent``."""
        return parent.with_gene(self.block, self.gene, self.value)


def by_genes(genotype: Genotype) -> Hashable:
    """Return a fingerprint by which genotypes are equal if all genes are: the default of :func:`mutate`."""
    return genotype


def unchanged(genotype: Genotype) -> Genotype:
    """Return the genotype itself."""
    return genotype


def mutate(
    parent: Genotype,
    space: SearchSpace,
    seen: Container[Hashable],
    rng: np.random.Generator,
    fingerprint: Callable[[Genotype], Hashable] = by_genes,
    fix: Callable[[Genotype], Genotype] = unchanged,
) -> Genotype:
    """Draw a child that differs from its parent in one gene of one block and has not been seen.

    A block and one of its four genes are drawn uniformly, then the gene's value: kernel uniform over the
    space's, repeats one up or down with equal chance (at an end of the range, the only way there is),
    channels uniform from 1 to the ancestor's, stride the other of 1 and 2. The paper's code draws again until
    the child is new; leaving out what was drawn in vain and drawing from the rest gives every child the same
    probability, and it always ends.

    Args:
        parent: the genotype to change; it lies within ``space``.
        space: the genotypes allowed.
        seen: fingerprints of the genotypes that must not come again; the parent's need not be among them.
        rng: source of randomness.
        fingerprint: what tells genotypes apart. Two of equal fingerprint, such as two that build the same network,
            are one.
        fix: gives the child some genes that are not to be drawn; where possible, so that it stays in the space.

    Raises:
        NoUnseenNeighbour: all genotypes one mutation away have been seen.
        ValueError: ``parent`` lies outside ``space``.
    """
    space.check(parent)
    candidates = mutations(parent, space)
    children = [fix(mutation.applied_to(parent)) for mutation in candidates]
    probabilities = np.array([mutation.probability for mutation in candidates])
    inside = np.array([fix is unchanged or child in space for child in children], dtype=bool)
    parent_fingerprint = fingerprint(parent)
    for weights in (probabilities * inside, probabilities * ~inside):
        while weights.any():
            drawn = int(rng.choice(len(children), p=weights / weights.sum()))
            child_fingerprint = fingerprint(children[drawn])
            if child_fingerprint != parent_fingerprint and child_fingerprint not in seen:
                return children[drawn]
            weights[drawn] = 0.0
    raise NoUnseenNeighbour(f"all {len(candidates)} genotypes one mutation away from {parent} have been seen")


def has_unseen_neighbour(
    parent: Genotype,
    space: SearchSpace,
    seen: Container[Hashable],
    fingerprint: Callable[[Genotype], Hashable] = by_genes,
) -> bool:
    """Tell whether :func:`mutate` would find a child; arguments and errors are the same."""
    return any(each not in seen for each in neighbour_fingerprints(parent, space, fingerprint))


def neighbour_fingerprints(
    parent: Genotype, space: SearchSpace, fingerprint: Callable[[Genotype], Hashable] = by_genes
) -> Iterator[Hashable]:
    """Yield the fingerprint of every child that :func:`mutate` may draw, each made when it is asked for.

    Raises:
        ValueError: ``parent`` lies outside ``space``.
    """
    space.check(parent)
    own = fingerprint(parent)
    fingerprints = (fingerprint(mutation.applied_to(parent)) for mutation in mutations(parent, space))
    return (each for each in fingerprints if each != own)


def neighbours(parent: Genotype, space: SearchSpace) -> list[Genotype]:
    """Return every genotype of the space that is one mutation away from ``parent``, each once."""
    return [mutation.applied_to(parent) for mutation in mutations(parent, space)]


def mutations(parent: Genotype, space: SearchSpace) -> list[Mutation]:
    """Return every change of one gene that stays within the space, with the probability of drawing it.

    The probabilities add up to less than 1: the rest are draws that change nothing.
    """
    gene_probability = 1 / (BLOCKS * len(GENES))
    return [
        Mutation(index, gene, value, gene_probability * probability)
        for index in range(BLOCKS)
        for gene, value, probability in _gene_changes(parent, index, space)
    ]


def _gene_changes(parent: Genotype, index: int, space: SearchSpace) -> Iterator[tuple[str, int, float]]:
    block = parent.blocks[index]
    for kernel in space.kernels:
        if kernel != block.kernel:
            yield "kernel", kernel, 1 / len(space.kernels)
    least, greatest = space.repeats
    steps = [repeats for repeats in (block.repeats - 1, block.repeats + 1) if least <= repeats <= greatest]
    for repeats in steps:
        yield "repeats", repeats, 1 / len(steps)
    max_channels = space.max_channels[index]
    for channels in range(1, max_channels + 1):
        if channels != block.channels:
            yield "channels", channels, 1 / max_channels
    if space.may_stride(index):
        least, greatest = space.strided
        if block.stride == 2 and parent.strided > least:
            yield "stride", 1, 1.0
        elif block.stride == 1 and parent.strided < greatest:
            yield "stride", 2, 1.0


def describe_mutation(parent: Genotype, child: Genotype) -> str:
    """Describe what differs, such as ``block 4 kernel 3→5``; blocks count from 1, channels are in eighths.

    Several differences are joined by commas; equal genotypes give an empty text.
    """
    return ", ".join(
        f"block {number} {gene} {old}→{new}"
        for number, (before, after) in enumerate(zip(parent.blocks, child.blocks, strict=True), start=1)
        for gene, old, new in zip(GENES, before, after, strict=True)
        if old != new
    )

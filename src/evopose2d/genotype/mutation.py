"""The mutation: one gene changes."""

from collections.abc import Callable, Container, Hashable, Iterator

import numpy as np

from evopose2d.genotype.encoding import Genotype
from evopose2d.genotype.space import SearchSpace


class NoUnseenNeighbour(LookupError):  # noqa: N818 - the end of a search, not a fault
    """Every genotype one mutation away has been seen."""


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
    """Draw a child of the space that differs from its parent in one gene and has not been seen.

    The change is drawn from those of the space, with their probabilities. The paper's code draws again until the child
    is new; leaving out what was drawn in vain and drawing from the rest gives every child the same probability, and it
    always ends.

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
    candidates = space.mutations(parent)
    probabilities = np.array([mutation.probability for mutation in candidates])
    inside = np.ones(len(candidates), dtype=bool)
    if fix is not unchanged:
        inside[:] = [fix(mutation.applied_to(parent)) in space for mutation in candidates]
    parent_fingerprint = fingerprint(parent)
    for weights in (probabilities * inside, probabilities * ~inside):
        while weights.any():
            drawn = int(rng.choice(len(candidates), p=weights / weights.sum()))
            child = fix(candidates[drawn].applied_to(parent))
            child_fingerprint = fingerprint(child)
            new = child_fingerprint != parent_fingerprint and child_fingerprint not in seen
            if new and (fix is not unchanged or child in space):
                return child
            weights[drawn] = 0.0
    raise NoUnseenNeighbour(f"all {len(candidates)} genotypes one mutation away from {parent} have been seen")


def has_unseen_neighbour(
    parent: Genotype,
    space: SearchSpace,
    seen: Container[Hashable],
    fingerprint: Callable[[Genotype], Hashable] = by_genes,
) -> bool:
    """Return whether :func:`mutate` would find a child; arguments and errors are the same."""
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
    children = (mutation.applied_to(parent) for mutation in space.mutations(parent))
    fingerprints = (fingerprint(child) for child in children if child in space)
    return (each for each in fingerprints if each != own)


def neighbours(parent: Genotype, space: SearchSpace) -> list[Genotype]:
    """Return every genotype of the space that is one mutation away from ``parent``, each once."""
    children = (mutation.applied_to(parent) for mutation in space.mutations(parent))
    return [child for child in children if child in space]


def distance(one: Genotype, other: Genotype) -> int:
    """Count the genes in which two genotypes differ; one that only one of them has counts as well."""
    return len(dict(one.genes.items() ^ other.genes.items()))


def describe_mutation(parent: Genotype, child: Genotype) -> str:
    """Describe what differs, such as ``block 4 kernel 3→5``; blocks count from 1, channels are in eighths.

    Several differences are joined by commas; equal genotypes give an empty text.
    """
    before, after = parent.genes, child.genes
    return ", ".join(
        f"{_in_words(name)} {before[name]}→{after[name]}" for name in before if after[name] != before[name]
    )


def _in_words(name: str) -> str:
    """Return a gene's name in words: ``b4_kernel`` is ``block 4 kernel``, all others are as they are."""
    block, _, gene = name.partition("_")
    return f"block {block[1:]} {gene}" if block[:1] == "b" and block[1:].isdecimal() else name

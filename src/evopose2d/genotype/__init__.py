"""Genotypes, the space that holds them, and the mutation that walks it.

Source: McNally et al., "EvoPose2D", arXiv 2011.08446, the search space and mutation of its neuroevolution.
"""

from evopose2d.genotype.encoding import BLOCKS, GENES, Block, Genotype
from evopose2d.genotype.mutation import (
    Mutation,
    NoUnseenNeighbour,
    by_genes,
    describe_mutation,
    has_unseen_neighbour,
    mutate,
    mutations,
    neighbour_fingerprints,
    neighbours,
    unchanged,
)
from evopose2d.genotype.size import paper_space_size, reachable_size
from evopose2d.genotype.space import SearchSpace

__all__ = [
    "BLOCKS",
    "GENES",
    "Block",
    "Genotype",
    "Mutation",
    "NoUnseenNeighbour",
    "SearchSpace",
    "by_genes",
    "describe_mutation",
    "has_unseen_neighbour",
    "mutate",
    "mutations",
    "neighbour_fingerprints",
    "neighbours",
    "paper_space_size",
    "reachable_size",
    "unchanged",
]

"""Genotypes, the space that holds them, and the mutation that walks it.

Source: McNally et al., "EvoPose2D", arXiv 2011.08446, the search space and mutation of its neuroevolution.
"""

from evopose2d.genotype.encoding import BLOCK_GENE_NAMES, BLOCKS, FURTHER_GENES, GENES, Block, Genotype
from evopose2d.genotype.extended import ExtendedSpace
from evopose2d.genotype.limited import LimitedSpace
from evopose2d.genotype.mutation import (
    NoUnseenNeighbour,
    by_genes,
    describe_mutation,
    distance,
    has_unseen_neighbour,
    mutate,
    neighbour_fingerprints,
    neighbours,
    unchanged,
)
from evopose2d.genotype.size import paper_space_size, reachable_size
from evopose2d.genotype.space import Gene, Mutation, PaperSpace, SearchSpace

__all__ = [
    "BLOCKS",
    "BLOCK_GENE_NAMES",
    "FURTHER_GENES",
    "GENES",
    "Block",
    "ExtendedSpace",
    "Gene",
    "Genotype",
    "LimitedSpace",
    "Mutation",
    "NoUnseenNeighbour",
    "PaperSpace",
    "SearchSpace",
    "by_genes",
    "describe_mutation",
    "distance",
    "has_unseen_neighbour",
    "mutate",
    "neighbour_fingerprints",
    "neighbours",
    "paper_space_size",
    "reachable_size",
    "unchanged",
]

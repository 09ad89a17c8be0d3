"""A space without the genotypes that go beyond a limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evopose2d.genotype.encoding import Genotype
from evopose2d.genotype.space import Gene, Mutation, SearchSpace


@dataclass(frozen=True)
class LimitedSpace:
    """A space without the genotypes that are not allowed, such as those of networks that are too large.

    Attributes:
        space: with them.
        allowed: whether a genotype is. It is asked of those that are drawn, not of all that could be.

    Raises:
        ValueError: the ancestor is not allowed.
    """

    space: SearchSpace
    allowed: Callable[[Genotype], bool]

    def __post_init__(self) -> None:
        if not self.allowed(self.ancestor):
            raise ValueError("ancestor: goes beyond the limits of the search")

    @property
    def ancestor(self) -> Genotype:
        """The genotype that a search starts from."""
        return self.space.ancestor

    @property
    def genes(self) -> Mapping[str, Gene]:
        """The values of every gene, by name."""
        return self.space.genes

    def __contains__(self, genotype: Genotype) -> bool:
        return genotype in self.space and self.allowed(genotype)

    def check(self, genotype: Genotype) -> None:
        """Hold a genotype against the genes alone: one that was put in by hand may be a parent beyond the limits.

        Raises:
            ValueError: one line with the first gene that lies outside and what is allowed.
        """
        self.space.check(genotype)

    def mutations(self, parent: Genotype) -> list[Mutation]:
        """Return every change of one gene within the space, those that lead beyond the limits too."""
        return self.space.mutations(parent)

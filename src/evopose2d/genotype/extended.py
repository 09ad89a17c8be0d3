"""The paper's space with further genes beside those of the blocks."""

from collections.abc import Mapping
from dataclasses import dataclass

from evopose2d.genotype.encoding import BLOCK_GENE_NAMES, BLOCKS, GENES, Genotype
from evopose2d.genotype.space import Gene, Mutation, PaperSpace

_DOUBLINGS = "head_blocks"
"""The gene whose value says how often the head doubles the resolution."""


@dataclass(frozen=True)
class ExtendedSpace:
    """A space of blocks, and keys of section ``model`` as further genes, such as ``head_channels``.

    All networks have heatmaps of the ancestor's resolution: losses of heatmaps of several sizes cannot be compared, and
    coarse ones place keypoints coarsely. So ``head_blocks``, where it is a gene, changes with the blocks' strides and
    never by itself: a network may keep its resolution for longer and double it less often, or the other way round.

    Attributes:
        blocks: the space of the blocks.
        others: the values of each further gene by name, ascending, at least one.
        start: the ancestor's value of each further gene.

    Raises:
        ValueError: values that cannot be, a gene without a start, or a start beyond the values.
    """

    blocks: PaperSpace
    others: Mapping[str, tuple[int, ...]]
    start: Mapping[str, int]

    def __post_init__(self) -> None:
        for name, values in self.others.items():
            if not values or list(values) != sorted(set(values)):
                raise ValueError(f"{name}: got {list(values)}, must be distinct values, ascending, at least one")
        if self.start.keys() != self.others.keys():
            raise ValueError(f"start: got {', '.join(self.start)}, must be a value for {', '.join(self.others)}")
        violation = self._violation(self.ancestor)
        if violation:
            raise ValueError(f"start: {violation}")

    @property
    def ancestor(self) -> Genotype:
        """The genotype that a search starts from."""
        return Genotype(self.blocks.ancestor.blocks, tuple(sorted(self.start.items())))

    @property
    def genes(self) -> dict[str, Gene]:
        """The values of every gene, by name; further genes are categories."""
        return self.blocks.genes | {name: Gene(self.others[name], ordered=False) for name in sorted(self.others)}

    def __contains__(self, genotype: Genotype) -> bool:
        return self._violation(genotype) is None and Genotype(genotype.blocks) in self.blocks

    def check(self, genotype: Genotype) -> None:
        """Hold a genotype against the space.

        Raises:
            ValueError: one line with the first gene that lies outside and what is allowed.
        """
        violation = self._violation(genotype)
        if violation:
            raise ValueError(f"genotype {genotype} lies outside the search space: {violation}")
        self.blocks.check(Genotype(genotype.blocks))

    def mutations(self, parent: Genotype) -> list[Mutation]:
        """Return every change of one gene that stays within the space, with the probability of drawing it.

        A further gene is drawn as often as one of a block, and moves to the next value up or down with equal chance
        (at an end, the only way there is). A block's gene changes as in the space of the blocks, a stride with
        ``head_blocks``.
        """
        free = [(name, value) for name, value in parent.others if name != _DOUBLINGS]
        count = len(BLOCK_GENE_NAMES) + len(free)
        share = BLOCKS * len(GENES) / count
        found = [
            mutation._replace(probability=share * mutation.probability, along=along)
            for mutation in self.blocks.mutations(Genotype(parent.blocks))
            if (along := self._along(parent, mutation)) is not None
        ]
        for name, value in free:
            values = self.others[name]
            place = values.index(value)
            steps = [values[each] for each in (place - 1, place + 1) if 0 <= each < len(values)]
            found += [Mutation(name, step, 1 / count / len(steps)) for step in steps]
        return found

    def _along(self, parent: Genotype, mutation: Mutation) -> tuple[tuple[str, int], ...] | None:
        """Return the genes that a change of a block takes along; None where they cannot follow."""
        difference = mutation.applied_to(parent).strided - parent.strided
        if _DOUBLINGS not in self.others or not difference:
            return ()
        doublings = dict(parent.others)[_DOUBLINGS] + difference
        return ((_DOUBLINGS, doublings),) if doublings in self.others[_DOUBLINGS] else None

    def _violation(self, genotype: Genotype) -> str | None:
        others = dict(genotype.others)
        if others.keys() != self.others.keys():
            return f"got genes {', '.join(others) or 'none'} beside the blocks, must be {', '.join(self.others)}"
        for name, value in others.items():
            if value not in self.others[name]:
                return f"got {name} {value}, must be one of {list(self.others[name])}"
        fitting = self.start.get(_DOUBLINGS, 0) + genotype.strided - self.blocks.ancestor.strided
        if others.get(_DOUBLINGS, fitting) != fitting:
            return f"got {_DOUBLINGS} {others[_DOUBLINGS]} with {genotype.strided} strided blocks, must be {fitting}"
        return None

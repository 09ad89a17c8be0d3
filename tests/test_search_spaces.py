"""Search spaces beyond the paper's: further genes of section ``model``, and a space from outside the package."""

from dataclasses import dataclass, replace

import numpy as np
import optuna
import pytest

from evopose2d.evolution.sampler import EvolutionSampler, genotype_from_params, read_history, suggest_genotype
from evopose2d.genotype import (
    ExtendedSpace,
    Gene,
    Genotype,
    LimitedSpace,
    Mutation,
    NoUnseenNeighbour,
    describe_mutation,
    distance,
    has_unseen_neighbour,
    mutate,
    neighbours,
)
from tests.evolution.searching import SPACE

FURTHER = {"head_channels": (32, 64, 96), "head_blocks": (2, 3)}
HEAD = ExtendedSpace(SPACE, FURTHER, {"head_channels": 64, "head_blocks": 3})
START = Genotype(SPACE.ancestor.blocks, (("final_kernel", 3),))


@dataclass(frozen=True)
class OneGene:
    """A space of somebody else: the blocks stay as they are, one gene of section ``model`` varies."""

    ancestor: Genotype = START

    @property
    def genes(self):
        return {name: Gene((value,), ordered=False) for name, value in self.ancestor.genes.items()} | {
            "final_kernel": Gene(tuple(range(1, 8)), ordered=True)
        }

    def __contains__(self, genotype):
        return genotype.blocks == self.ancestor.blocks

    def check(self, genotype):
        assert genotype in self

    def mutations(self, parent):
        value = parent.genes["final_kernel"]
        return [Mutation("final_kernel", each, 1 / 7) for each in range(1, 8) if each != value]


def test_genotypes_with_further_genes_survive_json():
    assert Genotype.from_json(HEAD.ancestor.to_json()) == HEAD.ancestor
    assert Genotype.from_json(SPACE.ancestor.to_json()) == SPACE.ancestor
    assert SPACE.ancestor.to_json() == SPACE.ancestor.to_lists()
    assert HEAD.ancestor != SPACE.ancestor
    assert HEAD.ancestor.model_settings == {
        "genotype": SPACE.ancestor.to_lists(),
        "head_blocks": 3,
        "head_channels": 64,
    }
    with pytest.raises(ValueError, match=r"got gene head_kernel, must be one of b1_kernel, .*, head_channels"):
        HEAD.ancestor.with_genes({"head_kernel": 1})


def test_further_genes_step_to_the_next_value():
    changes = [mutation for mutation in HEAD.mutations(HEAD.ancestor) if not mutation.name.startswith("b")]
    assert changes == [
        Mutation("head_channels", 32, 1 / 58),
        Mutation("head_channels", 96, 1 / 58),
    ]
    plain = {(each.name, each.value): each.probability for each in SPACE.mutations(SPACE.ancestor)}
    for mutation in HEAD.mutations(HEAD.ancestor):
        if mutation.name.startswith("b"):
            assert mutation.probability == pytest.approx(plain[mutation.name, mutation.value] * 28 / 29)
    for child in neighbours(HEAD.ancestor, HEAD):
        assert child in HEAD
        assert distance(HEAD.ancestor, child) == (1 if child.strided == HEAD.ancestor.strided else 2)
    child = HEAD.ancestor.with_genes({"head_channels": 96, "b1_kernel": 5})
    assert describe_mutation(HEAD.ancestor, child) == "block 1 kernel 3→5, head_channels 64→96"
    assert distance(HEAD.ancestor, child) == 2


def test_a_stride_takes_the_head_along_so_that_heatmaps_keep_their_resolution():
    ancestor = SPACE.ancestor
    blocks = replace(SPACE, stride_blocks=5, strided=(ancestor.strided - 1, ancestor.strided + 1))
    space = ExtendedSpace(blocks, FURTHER, {"head_channels": 64, "head_blocks": 3})
    children = neighbours(space.ancestor, space)
    heads = {dict(child.others)["head_blocks"] - child.strided for child in children}
    assert heads == {3 - ancestor.strided}
    # Another strided block would need a fourth doubling, which is no value of the gene.
    assert {child.strided for child in children} == {ancestor.strided, ancestor.strided - 1}
    coarse = space.ancestor.with_genes({"head_blocks": 2})
    assert coarse not in space
    with pytest.raises(ValueError, match=rf"got head_blocks 2 with {ancestor.strided} strided blocks, must be 3"):
        space.check(coarse)


def test_what_goes_beyond_a_limit_is_never_drawn():
    within = {each for each in neighbours(SPACE.ancestor, SPACE) if each.blocks[4] == SPACE.ancestor.blocks[4]}
    space = LimitedSpace(SPACE, lambda genotype: genotype == SPACE.ancestor or genotype in within)
    rng, seen = np.random.default_rng(0), set()
    while has_unseen_neighbour(SPACE.ancestor, space, seen):
        seen.add(mutate(SPACE.ancestor, space, seen, rng))
    assert seen == within == set(neighbours(SPACE.ancestor, space)) < set(neighbours(SPACE.ancestor, SPACE))
    with pytest.raises(NoUnseenNeighbour):
        mutate(SPACE.ancestor, space, seen, rng)
    beyond = (set(neighbours(SPACE.ancestor, SPACE)) - within).pop()
    assert beyond not in space and space.genes == SPACE.genes
    assert mutate(beyond, space, (), rng) == SPACE.ancestor  # put in by hand, it may be a parent: of what is within


def test_an_ancestor_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="ancestor: goes beyond the limits"):
        LimitedSpace(SPACE, lambda genotype: False)


@pytest.mark.parametrize(
    ("others", "start", "message"),
    [
        ({"head_channels": (64, 32)}, {"head_channels": 64}, r"head_channels: got \[64, 32\], must be distinct values"),
        ({"head_channels": (32,)}, {}, "start: got , must be a value for head_channels"),
        ({"head_channels": (32,)}, {"head_channels": 64}, r"start: got head_channels 64, must be one of \[32\]"),
    ],
)
def test_an_extended_space_that_cannot_be_is_refused(others, start, message):
    with pytest.raises(ValueError, match=message):
        ExtendedSpace(SPACE, others, start)


def test_genotypes_of_other_spaces_lie_outside():
    assert SPACE.ancestor not in HEAD and HEAD.ancestor not in SPACE
    with pytest.raises(ValueError, match="got genes none beside the blocks, must be head_channels, head_blocks"):
        mutate(SPACE.ancestor, HEAD, set(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="got genes head_blocks, head_channels, must be those of blocks alone"):
        mutate(HEAD.ancestor, SPACE, set(), np.random.default_rng(0))


@pytest.mark.parametrize("space", [HEAD, OneGene()], ids=["extended", "from outside"])
def test_a_study_searches_any_space(space, tmp_path):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal")))
    sampler = EvolutionSampler(space, children=2, parents=1, seed=1)
    study = optuna.create_study(storage=storage, sampler=sampler)
    drawn = []

    def objective(trial):
        drawn.append(suggest_genotype(trial, space))
        return float(sum(drawn[-1].genes.values()))

    study.optimize(objective, n_trials=5)
    whole = sampler.ask(study)
    assert genotype_from_params(whole.params, space.genes) not in drawn
    history = read_history(study, sampler.settings)
    assert [each.genotype for each in history.individuals[:5]] == drawn
    assert len(set(drawn)) == 5 and drawn[0] == space.ancestor
    assert all(genotype in space for genotype in drawn)

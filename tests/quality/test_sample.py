from collections import Counter
from itertools import islice

import numpy as np
from tests.evolution.searching import SPACE

from evopose2d.genotype import GENES
from evopose2d.quality.sample import jobs, sample, uniform


def differences(a, b):
    return sum(x != y for one, two in zip(a.blocks, b.blocks, strict=True) for x, y in zip(one, two, strict=True))


def test_walks_and_uniform_draws_take_turns_and_never_repeat():
    drawn = list(islice(sample(SPACE, 3), 201))
    assert drawn[0].genotype == SPACE.ancestor
    assert [each.number for each in drawn] == list(range(201))
    assert len({each.genotype for each in drawn}) == 201
    assert all(each.genotype in SPACE for each in drawn)
    walks, uniforms = drawn[1::2], drawn[2::2]
    assert {each.mutations for each in walks} == set(range(1, 13))
    assert all(differences(each.genotype, SPACE.ancestor) <= each.mutations for each in walks)
    assert {each.mutations for each in uniforms} == {None}


def test_a_sample_depends_on_its_seed_alone():
    assert list(islice(sample(SPACE, 3), 30)) == list(islice(sample(SPACE, 3), 40))[:30]
    assert list(islice(sample(SPACE, 3), 30)) != list(islice(sample(SPACE, 4), 30))


def test_uniform_draws_every_value_of_every_gene_equally_often():
    rng = np.random.default_rng(0)
    drawn = [uniform(SPACE, rng) for _ in range(2000)]
    for index, block in enumerate(SPACE.ancestor.blocks):
        counts = {gene: Counter(getattr(each.blocks[index], gene) for each in drawn) for gene in GENES}
        assert set(counts["channels"]) == set(range(1, block.channels + 1))
        for gene, values in (("kernel", 2), ("repeats", 4), ("channels", block.channels)):
            assert len(counts[gene]) == values
            assert max(counts[gene].values()) < 1.35 * min(counts[gene].values())


def test_one_genotype_in_six_has_three_seeds():
    trainings = list(jobs(SPACE, 0, 60))
    assert len(trainings) == len({each.key for each in trainings}) == 60 + 2 * 10
    repeated = [each.sampled for each in trainings if each.replicate == 2]
    assert [each.number // 6 for each in repeated] == list(range(10))
    assert repeated[0].mutations == 0
    assert Counter(each.mutations is None for each in repeated) == {True: 4, False: 6}
    # A repeat comes after its genotype, in every prefix, and a longer sample begins like a shorter one.
    assert list(jobs(SPACE, 0, 30)) == trainings[:40]

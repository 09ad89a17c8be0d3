"""The genotype, its search space and the mutation."""

import json
from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evopose2d.genotype import (
    GENES,
    Genotype,
    NoUnseenNeighbour,
    PaperSpace,
    describe_mutation,
    has_unseen_neighbour,
    mutate,
    neighbours,
    paper_space_size,
    reachable_size,
)

B0 = [[3, 1, 2, 1], [3, 2, 3, 2], [5, 2, 5, 2], [3, 3, 10, 2], [5, 3, 14, 1], [5, 4, 24, 2], [3, 1, 40, 1]]
ANCESTOR = Genotype.from_lists(B0)
PAPER = PaperSpace(ANCESTOR)


def small_genotype(strides=(1, 2, 2, 2, 1, 1, 1), channels=(1, 1, 1, 1, 1, 1, 1)) -> Genotype:
    return Genotype.from_lists([3, 1, width, stride] for width, stride in zip(channels, strides, strict=True))


def differing_genes(one: Genotype, other: Genotype) -> list[tuple[int, str]]:
    return [
        (block, gene)
        for block, (a, b) in enumerate(zip(one.blocks, other.blocks, strict=True))
        for gene in GENES
        if getattr(a, gene) != getattr(b, gene)
    ]


def test_round_trip_through_lists_and_text():
    assert ANCESTOR.to_lists() == B0
    assert Genotype.from_lists(json.loads(str(ANCESTOR))) == ANCESTOR
    assert hash(Genotype.from_lists(np.array(B0))) == hash(ANCESTOR)
    assert ANCESTOR.strided == 4


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (B0[:6], "got 6 blocks, must be 7"),
        ([*B0[:6], [4, 1, 2, 1]], "block 7: got kernel 4, must be odd and at least 1"),
        ([[3, 0, 2, 1], *B0[1:]], "block 1: got repeats 0, must be at least 1"),
        ([B0[0], [3, 2, -1, 2], *B0[2:]], "block 2: got channels -1, must be at least 1"),
        ([[3, 1, 2, 3], *B0[1:]], "block 1: got stride 3, must be 1 or 2"),
        (
            [[3, 1, 2], *B0[1:]],
            "block 1: got [3, 1, 2], must be four integers: kernel, repeats, channels, stride",
        ),
        ([[3, 1, 2, True], *B0[1:]], "block 1: got [3, 1, 2, True], must be four integers"),
        ([[3, 1, 2.0, 1], *B0[1:]], "block 1: got [3, 1, 2.0, 1], must be four integers"),
        ([3, *B0[1:]], "block 1: got 3, must be four integers"),
    ],
)
def test_what_no_network_can_have_is_refused(lists, message):
    with pytest.raises(ValueError) as caught:
        Genotype.from_lists(lists)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"kernels": (3, 4)}, "kernels: got [3, 4], must be distinct odd numbers"),
        ({"kernels": ()}, "kernels: got [], must be distinct odd numbers"),
        ({"repeats": (0, 4)}, "repeats: got [0, 4], must be least and greatest, from 1 on"),
        ({"stride_blocks": 8}, "stride_blocks: got 8, must be 0 to 7"),
        ({"strided": (4, 3)}, "strided: got [4, 3], must be least and greatest, 0 to 7"),
        ({"kernels": (3,)}, "ancestor: block 3: got kernel 5, must be one of [3]"),
        ({"repeats": (1, 3)}, "ancestor: block 6: got repeats 4, must be 1 to 3"),
        ({"strided": (2, 3)}, "ancestor: got 4 blocks of stride 2, must be 2 to 3"),
    ],
)
def test_a_space_that_cannot_be_is_refused(limits, message):
    with pytest.raises(ValueError) as caught:
        PaperSpace(ANCESTOR, **limits)
    assert str(caught.value).startswith(message)


def test_the_original_walk_stays_in_the_space(reference):
    walk = json.loads((reference / "genotypes_ref.json").read_text())
    assert Genotype.from_lists(walk["default"]) == ANCESTOR
    assert all(Genotype.from_lists(step["genotype"]) in PAPER for step in walk["walk"])


@pytest.mark.parametrize(
    ("block", "gene", "value"), [(0, "kernel", 7), (1, "repeats", 5), (2, "channels", 6), (1, "stride", 1)]
)
def test_the_space_ends_where_it_should(block, gene, value):
    outside = ANCESTOR.with_gene(block, gene, value)
    assert outside not in PAPER
    with pytest.raises(ValueError, match=f"outside the search space: block {block + 1}: got {gene} {value}, must"):
        mutate(outside, PAPER, set(), np.random.default_rng(0))


def test_sizes_of_the_papers_space():
    assert paper_space_size(PAPER) == 67_645_734_912_000
    # Three blocks may stride; of their eight patterns, those with none or one strided are within the limits.
    assert reachable_size(PAPER) == 67_645_734_912_000 // 8 * 4


def reached(space: PaperSpace) -> set[Genotype]:
    found, queue = {space.ancestor}, deque([space.ancestor])
    while queue:
        new = set(neighbours(queue.popleft(), space)) - found
        found |= new
        queue.extend(new)
    return found


@settings(max_examples=40, deadline=None)
@given(
    strides=st.tuples(*[st.sampled_from((1, 2))] * 7),
    stride_blocks=st.integers(0, 7),
    below=st.integers(0, 2),
    above=st.integers(0, 2),
)
def test_reachable_size_is_what_a_search_finds(strides, stride_blocks, below, above):
    ancestor = small_genotype(strides, channels=(1, 2, 1, 1, 1, 1, 1))
    limits = (max(0, ancestor.strided - below), min(7, ancestor.strided + above))
    space = PaperSpace(ancestor, (3,), repeats=(1, 1), stride_blocks=stride_blocks, strided=limits)
    found = reached(space)
    assert len(found) == reachable_size(space)
    assert all(genotype in space for genotype in found)


def test_reachable_size_counts_kernels_and_repeats():
    space = PaperSpace(small_genotype(), kernels=(3, 5), repeats=(1, 1), stride_blocks=2)
    assert reachable_size(space) == len(reached(space)) == 2**7 * 3
    space = PaperSpace(small_genotype(), kernels=(3,), repeats=(1, 2), stride_blocks=1)
    assert reachable_size(space) == len(reached(space)) == 2**7 * 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_walk_changes_one_gene_at_a_time_and_stays_in_the_space(seed):
    rng = np.random.default_rng(seed)
    parent, seen = ANCESTOR, {ANCESTOR}
    for _ in range(25):
        child = mutate(parent, PAPER, seen, rng)
        ((block, gene),) = differing_genes(parent, child)
        old, new = parent.blocks[block], child.blocks[block]
        assert child in PAPER
        assert child not in seen
        assert child.strided in (3, 4)
        assert parent in neighbours(child, PAPER)
        if gene == "repeats":
            assert abs(new.repeats - old.repeats) == 1
        if gene == "stride":
            assert block >= 4
            assert (old.stride == 2) == (parent.strided == 4)
        parent = child
        seen.add(child)


def draw_as_the_paper(parent: Genotype, space: PaperSpace, rng: np.random.Generator) -> Genotype:
    """One draw of the original's rule; it may give the parent again."""
    index, gene = int(rng.integers(7)), GENES[rng.integers(4)]
    block = parent.blocks[index]
    value = getattr(block, gene)
    if gene == "kernel":
        value = int(rng.choice(space.kernels))
    elif gene == "repeats":
        least, greatest = space.repeats
        forced = {least: 1, greatest: -1}.get(block.repeats)
        value += forced or int(rng.choice([-1, 1]))
    elif gene == "channels":
        value = int(rng.integers(1, space.max_channels[index] + 1))
    elif index >= 4 and block.stride == 2 and parent.strided == 4:
        value = 1
    elif index >= 4 and block.stride == 1 and parent.strided < 4:
        value = 2
    return parent.with_gene(index, gene, value)


def chi_square(counts: Counter, expected: dict[Genotype, float], draws: int) -> float:
    assert set(counts) <= set(expected)
    return sum((counts[child] - draws * p) ** 2 / (draws * p) for child, p in expected.items())


def varied_genotype(last_stride: int) -> Genotype:
    blocks = [
        [3, 2, 3, 1],
        [3, 1, 2, 2],
        [3, 1, 2, 2],
        [5, 3, 2, 2],
        [5, 4, 1, 1],
        [5, 4, 1, 1],
        [5, 4, 1, last_stride],
    ]
    return Genotype.from_lists(blocks)


@pytest.mark.parametrize(("last_stride", "outcomes"), [(1, 25), (2, 23)])
def test_children_are_as_probable_as_under_the_original_rule(last_stride, outcomes):
    ancestor = varied_genotype(last_stride)
    space = PaperSpace(ancestor)
    rng = np.random.default_rng(7)
    counts = Counter(draw_as_the_paper(ancestor, space, rng) for _ in range(6000))
    expected = {change.applied_to(ancestor): change.probability for change in space.mutations(ancestor)}
    expected[ancestor] = 1 - sum(expected.values())
    assert len(expected) == outcomes
    # Chi-square with 24 degrees of freedom exceeds 51 once in a thousand.
    assert chi_square(counts, expected, 6000) < 51


def test_children_drawn_with_some_seen_are_as_probable_as_by_drawing_again():
    ancestor = varied_genotype(last_stride=1)
    space = PaperSpace(ancestor)
    changes = space.mutations(ancestor)
    seen = {change.applied_to(ancestor) for change in changes[::3]}
    unseen = [change for change in changes if change.applied_to(ancestor) not in seen]
    total = sum(change.probability for change in unseen)
    rng = np.random.default_rng(11)
    counts = Counter(mutate(ancestor, space, seen, rng) for _ in range(4000))
    # 16 outcomes; chi-square with 15 degrees of freedom exceeds 38 once in a thousand.
    assert len(unseen) == 16
    assert chi_square(counts, {c.applied_to(ancestor): c.probability / total for c in unseen}, 4000) < 38


def test_the_same_generator_gives_the_same_child():
    children = {mutate(ANCESTOR, PAPER, set(), np.random.default_rng([3, 5])) for _ in range(3)}
    assert len(children) == 1
    assert len({mutate(ANCESTOR, PAPER, set(), np.random.default_rng([3, n])) for n in range(9)}) > 5


def test_every_neighbour_comes_once_and_then_it_says_so():
    space = PaperSpace(small_genotype(channels=(2, 1, 1, 1, 3, 1, 1)), repeats=(1, 2))
    everyone = set(neighbours(space.ancestor, space))
    seen: set[Genotype] = set()
    for number in range(len(everyone)):
        assert has_unseen_neighbour(space.ancestor, space, seen)
        seen.add(mutate(space.ancestor, space, seen, np.random.default_rng(number)))
    assert seen == everyone
    assert not has_unseen_neighbour(space.ancestor, space, seen)
    with pytest.raises(NoUnseenNeighbour, match=f"all {len(seen)} genotypes one mutation away"):
        mutate(space.ancestor, space, seen, np.random.default_rng(0))


def test_genotypes_of_equal_key_are_one():
    def network(genotype: Genotype) -> tuple[int, ...]:
        return tuple(block.kernel for block in genotype.blocks)

    for seed in range(50):
        child = mutate(ANCESTOR, PAPER, set(), np.random.default_rng(seed), network)
        assert [gene for _, gene in differing_genes(ANCESTOR, child)] == ["kernel"]
    seen = {network(ANCESTOR.with_gene(block, "kernel", 8 - B0[block][0])) for block in range(7)}
    assert has_unseen_neighbour(ANCESTOR, PAPER, set(), network)
    assert not has_unseen_neighbour(ANCESTOR, PAPER, seen, network)
    with pytest.raises(NoUnseenNeighbour):
        mutate(ANCESTOR, PAPER, seen, np.random.default_rng(0), network)


def test_mutations_in_words():
    child = ANCESTOR.with_gene(3, "kernel", 5)
    assert describe_mutation(ANCESTOR, child) == "block 4 kernel 3→5"
    assert describe_mutation(ANCESTOR, child.with_gene(6, "channels", 9)) == (
        "block 4 kernel 3→5, block 7 channels 40→9"
    )
    assert describe_mutation(ANCESTOR, ANCESTOR) == ""

import keras
import numpy as np
import pytest
from tests.inheritance.specimens import built, spec_of, trained_weights

from evopose2d.genotype import Genotype, PaperSpace
from evopose2d.inheritance import RULES
from evopose2d.inheritance.inspection import Birth, as_born, birth_losses, medians, single_mutations
from evopose2d.weights import layer_arrays

ANCESTOR = Genotype.from_lists(
    [[3, 1, 2, 1], [3, 2, 3, 2], [5, 2, 5, 2], [3, 3, 10, 2], [5, 3, 14, 1], [5, 4, 24, 2], [3, 1, 40, 1]]
)
SPACE = PaperSpace(ANCESTOR)


def test_every_kind_is_drawn_as_often_as_asked():
    parent = ANCESTOR.with_gene(3, "channels", 8)
    children = single_mutations(parent, SPACE, np.random.default_rng(0), per_kind=2)
    kinds = [kind for kind, _ in children]

    assert {kind: kinds.count(kind) for kind in kinds} == {
        "channels down": 2,
        "channels up": 2,
        "kernel 3 to 5": 2,
        "kernel 5 to 3": 2,
        "repeats down": 2,
        "repeats up": 2,
        "stride 2 to 1": 1,
    }
    assert len({child for _, child in children}) == len(children)
    assert all(child in SPACE and child != parent for _, child in children)


def test_kinds_say_what_changed():
    children = single_mutations(ANCESTOR, SPACE, np.random.default_rng(0), per_kind=1000)

    for kind, child in children:
        (gene, old, new) = next(
            (gene, getattr(before, gene), getattr(after, gene))
            for before, after in zip(ANCESTOR.blocks, child.blocks, strict=True)
            for gene in before._fields
            if getattr(before, gene) != getattr(after, gene)
        )
        assert kind in (f"{gene} {old} to {new}", f"{gene} {'up' if new > old else 'down'}")


def test_draw_depends_on_the_generator_alone():
    first, second, other = (
        single_mutations(ANCESTOR, SPACE, np.random.default_rng(seed), per_kind=3) for seed in (0, 0, 1)
    )

    assert first == second != other


def test_births_are_measured_against_the_parent():
    children = [
        ("kernel 3 to 5", ANCESTOR.with_gene(0, "kernel", 5)),
        ("repeats down", ANCESTOR.with_gene(1, "repeats", 1)),
        ("repeats down", ANCESTOR.with_gene(2, "repeats", 1)),
    ]
    losses = {genotype: {"a": 2.0 * number, "b": 4.0} for number, (_, genotype) in enumerate(children)}
    births = birth_losses(ANCESTOR, 2.0, children, losses.__getitem__)

    assert births[1] == Birth("repeats down", "block 2 repeats 2→1", {"a": 1.0, "b": 2.0})
    assert medians(births) == {"kernel 3 to 5": {"a": 0.0, "b": 2.0}, "repeats down": {"a": 1.5, "b": 2.0}}


@pytest.mark.slow
def test_one_network_is_born_by_every_rule():
    parent, child = spec_of([[3, 1, 2, 1], [3, 1, 3, 2]]), spec_of([[3, 1, 2, 1], [5, 1, 3, 2]])
    network = built(child, seed=0)
    initial = layer_arrays(network)["block2a_dwconv"]["kernel"]
    kernels = {
        rule: layer_arrays(born)["block2a_dwconv"]["kernel"]
        for rule, born in as_born(network, child, parent, trained_weights(parent, seed=0))
    }

    assert tuple(kernels) == RULES
    assert (kernels["function-preserving"][0] == 0).all()
    np.testing.assert_array_equal(kernels["original"], initial)
    np.testing.assert_array_equal(kernels["none"], initial)
    keras.backend.clear_session()

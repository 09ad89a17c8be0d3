"""What MLflow is told of a mutation, from the genes before and after it."""

import pytest

from evopose2d.evolution.tracking.records import _mutation_tags


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"b4_kernel": 3}, {"b4_kernel": 5}, {"mutation_block": "4", "mutation_kind": "kernel up"}),
        ({"b2_expansion": 6}, {"b2_expansion": 3}, {"mutation_block": "2", "mutation_kind": "expansion down"}),
        ({"head_channels": 64}, {"head_channels": 32}, {"mutation_kind": "head_channels down"}),
        ({"b1_kernel": 3, "b2_kernel": 3}, {"b1_kernel": 5, "b2_kernel": 5}, {}),
        ({"b1_kernel": 3}, {"b1_kernel": 3}, {}),
    ],
)
def test_one_changed_gene_is_named_with_its_block(before, after, expected):
    assert _mutation_tags(before, after) == expected

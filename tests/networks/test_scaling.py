import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evopose2d.errors import ConfigError
from evopose2d.networks.families.evopose2d import describe
from evopose2d.networks.scaling import drop_connect_rate, scaled_depth, scaled_width


def test_describes_blocks_from_genotype(small_model):
    spec = describe(small_model, keypoints=17)
    second, repeat = spec.blocks[1:3]

    assert [block.name for block in spec.blocks[:4]] == ["block1a", "block2a", "block2b", "block3a"]
    assert (second.kernel, second.in_channels, second.out_channels, second.stride) == (3, 8, 8, 2)
    assert (second.expansion, second.expanded_channels, second.squeeze_channels) == (6, 48, 2)
    assert not second.has_skip
    assert repeat.stride == 1
    assert repeat.has_skip
    assert spec.blocks[0].expansion == 1
    assert (spec.backbone_stride, spec.stride, spec.heatmap_shape) == (32, 4.0, (16, 8))


def test_drop_connect_grows_linearly_over_all_repeats(small_model):
    rates = [block.drop_connect for block in describe(small_model, 17).blocks]

    assert rates == pytest.approx([0.2 * index / 8 for index in range(8)])


@pytest.mark.parametrize(
    ("size", "rate"), [(112, 0.2), (240, 0.2), (241, 0.3), (300, 0.3), (336, 0.4), (456, 0.4), (457, 0.5)]
)
def test_drop_connect_rate_by_input_size(size, rate):
    assert drop_connect_rate(size) == rate


@given(channels=st.integers(1, 2000), size=st.floats(32, 1024))
def test_scaled_width_is_a_multiple_of_8_and_never_under_90_percent(channels, size):
    width = scaled_width(channels, size)
    exact = channels * 1.1 ** (math.log(size / 224) / math.log(1.15))

    assert width % 8 == 0
    assert width >= 0.9 * exact - 1e-6
    assert width <= exact + 12


@given(repeats=st.integers(1, 20))
def test_nothing_is_scaled_at_the_base_size(repeats):
    assert scaled_depth(repeats, 224) == repeats
    assert scaled_width(8 * repeats, 224) == 8 * repeats


def test_scaling_below_the_base_size_shrinks(small_model):
    scaled = describe(replace(small_model, input_shape=[128, 96], compound_scaling=True), 17)

    assert scaled.stem_channels == 24
    assert len(scaled.blocks) == 7


def test_phenotype_ignores_how_equal_blocks_are_divided(small_model):
    def phenotype(second, third):
        genotype = [small_model.genotype[0], second, third, *small_model.genotype[3:]]
        return describe(replace(small_model, genotype=genotype), 17).phenotype

    assert phenotype([3, 2, 5, 2], [3, 1, 5, 1]) == phenotype([3, 1, 5, 2], [3, 2, 5, 1])
    assert phenotype([3, 2, 5, 2], [3, 1, 5, 1]) != phenotype([3, 2, 5, 2], [3, 2, 5, 1])
    assert phenotype([3, 2, 5, 2], [3, 1, 5, 1]) != phenotype([3, 2, 5, 2], [5, 1, 5, 1])
    assert phenotype([3, 2, 5, 2], [3, 1, 5, 1]) != phenotype([3, 2, 5, 1], [3, 1, 5, 2])


def test_genotypes_that_scaling_makes_one_have_one_phenotype(small_model):
    def phenotype(repeats, scaling):
        genotype = [*small_model.genotype[:6], [3, repeats, 3, 1]]
        model = replace(small_model, genotype=genotype, input_shape=[128, 96], compound_scaling=scaling)
        return describe(model, 17).phenotype

    assert phenotype(1, scaling=True) == phenotype(2, scaling=True)
    assert phenotype(1, scaling=False) != phenotype(2, scaling=False)


def test_input_shape_must_fit_the_stride(small_model):
    genotype = [[3, 1, 1, 2], *small_model.genotype[1:]]

    with pytest.raises(ConfigError, match=r"model\.input_shape: got \[96, 64\], must be multiples of 64"):
        describe(replace(small_model, genotype=genotype, input_shape=[96, 64]), 17)


@pytest.mark.parametrize("module", ["scaling", "summary", "registry", "families.evopose2d", "families.mspn"])
def test_imports_neither_keras_nor_tensorflow(module):
    script = (
        f"import sys, evopose2d.networks.{module}\nsys.exit(bool({{'keras', 'tensorflow', 'jax'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

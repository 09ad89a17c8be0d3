"""Configurations of small networks."""

import pytest

from evopose2d.networks.families.evopose2d import EvoPose2DConfig

_GENOTYPE = [
    [3, 1, 1, 1],
    [3, 2, 1, 2],
    [5, 1, 2, 2],
    [3, 1, 2, 2],
    [3, 1, 2, 1],
    [5, 1, 3, 2],
    [3, 1, 3, 1],
]


@pytest.fixture
def small_model() -> EvoPose2DConfig:
    """A network of a few thousand weights with skip connections, from 64x32 to 16x8."""
    return EvoPose2DConfig(
        architecture="evopose2d",
        genotype=_GENOTYPE,
        input_shape=[64, 32],
        compound_scaling=False,
        head_blocks=3,
        head_channels=8,
        final_kernel=1,
    )

"""Networks cut into parts: the parts are together the network."""

from itertools import pairwise

import pytest

from evopose2d.networks.build import build_part
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.parts import BLOCK, CUT, HEAD, HEATMAPS, STEM, Part, apply_part, parts_of
from evopose2d.networks.recording import RecordingOperations
from evopose2d.networks.scaling import network_spec

GENOTYPE = [
    [3, 1, 2, 1],
    [3, 2, 3, 2],
    [5, 2, 5, 2, 4, 2],
    [3, 3, 10, 2],
    [5, 1, 10, 1],
    [5, 1, 12, 2],
    [3, 1, 8, 1],
]


@pytest.fixture
def spec():
    return network_spec(
        GENOTYPE, (128, 96), compound_scaling=False, head_blocks=3, head_channels=24, final_kernel=3, keypoints=17
    )


def _recorded(part):
    operations = RecordingOperations()
    given = apply_part(operations, operations.images(part.height, part.width, part.inputs), part)
    return given, operations.recording().size


def test_parts_are_together_the_network(spec):
    parts = list(parts_of(spec))
    assert [part.kind for part in parts] == [STEM, *[BLOCK] * 11, *[HEAD] * 3, HEATMAPS]
    sizes = [_recorded(part)[1] for part in parts]
    whole = recorded(spec).size
    assert sum(size.parameters for size in sizes) == whole.parameters
    assert sum(size.multiply_adds for size in sizes) == pytest.approx(whole.multiply_adds, abs=len(parts))


def test_each_part_reads_what_the_one_before_gives(spec):
    parts = list(parts_of(spec))
    assert (parts[0].height, parts[0].width, parts[0].inputs) == (128, 96, 3)
    for part, following in pairwise(parts):
        given, _ = _recorded(part)
        assert (given.height, given.width, given.channels) == (following.height, following.width, following.inputs)
        assert given.channels == part.outputs
    last, _ = _recorded(parts[-1])
    assert (last.height, last.width, last.channels) == (*spec.heatmap_shape, 17)


def test_repeats_of_a_block_are_one_part(spec):
    parts = list(parts_of(spec))
    third, fourth = [part for part in parts if part.inputs == part.outputs == 80 and part.kernel == 3]
    assert third == fourth


def test_parts_are_built():
    block = Part(BLOCK, 8, 6, 16, 16, kernel=5, expansion=4, squeeze=8)
    built = build_part(block)
    assert built.input_shape == built.output_shape == (None, 8, 6, 16)
    assert built.count_params() == _recorded(block)[1].parameters
    assert build_part(Part(STEM, 16, 16, 3, 8, kernel=3, stride=2)).output_shape == (None, 8, 8, 8)
    assert block.cut == Part(CUT, 8, 6, 16, 16)
    assert build_part(block.cut).count_params() == 0

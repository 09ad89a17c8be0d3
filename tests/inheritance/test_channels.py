import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inheritance.specimens import spec_of

from evopose2d.inheritance.channels import NEW, channel_sources
from evopose2d.inheritance.selection import Reading
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.recording import Recording

_blocks = st.tuples(st.sampled_from([3, 5]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
_genes = st.tuples(_blocks, _blocks, _blocks)


def _recorded(genes, **changes) -> Recording:
    return recorded(spec_of(genes, **changes))


def _readings(network):
    rng = np.random.default_rng(0)
    return {axis: [Reading(np.eye(width), rng.standard_normal((width, 2)))] for axis, width in network.widths.items()}


@given(parent=_genes, child=_genes)
@settings(max_examples=100)
def test_sources_of_any_child(parent, child):
    before, after = _recorded(parent, head=(0, 8)), _recorded(child, head=(0, 8))
    old, new = before.widths, after.widths
    sources = channel_sources(before, after, _readings(before))

    assert {axis: len(channels) for axis, channels in sources.items()} == new
    for axis, channels in sources.items():
        taken = channels[channels != NEW]
        assert list(taken) == sorted(set(taken))
        assert (channels[: len(taken)] != NEW).all()
        if axis in old:
            assert len(taken) == min(old[axis], new[axis])
            assert (taken < old[axis]).all()


@given(parent=_genes, child=_genes)
@settings(max_examples=100)
def test_layers_that_share_channels_share_their_sources(parent, child):
    before, after = _recorded(parent, head=(0, 8)), _recorded(child, head=(0, 8))
    sources = channel_sources(before, after, _readings(before))
    old, new = before.streams, after.streams

    for one in new:
        for other in new:
            tied = new[one] == new[other] and old.get(one, one) == old.get(other, one)
            if tied and one in old and other in old:
                np.testing.assert_array_equal(sources[one], sources[other])


def test_new_repeat_passes_on_the_channels_that_it_is_given():
    before, after = _recorded([[3, 1, 2, 1], [3, 1, 3, 2]]), _recorded([[3, 1, 2, 1], [3, 2, 2, 2]])
    sources = channel_sources(before, after, _readings(before))

    np.testing.assert_array_equal(sources["block2b_project_conv"], sources["block2a_project_conv"])
    assert (sources["block2b_expand_conv"] == NEW).all()


def test_first_block_expands_nothing_so_its_channels_are_its_inputs():
    assert not [axis for axis in _recorded([[3, 2, 2, 1]]).widths if "expand" in axis]

import numpy as np

from evopose2d.inheritance.original import copy_overlap


def _conv(size, inputs, outputs, value, **vectors):
    return {"kernel": np.full((size, size, inputs, outputs), value, np.float32)} | vectors


def test_equal_layer_is_copied():
    parent = {"stem_conv": _conv(3, 3, 8, 1.0)}

    received = copy_overlap(parent, {"stem_conv": _conv(3, 3, 8, 2.0)})

    np.testing.assert_array_equal(received["stem_conv"]["kernel"], parent["stem_conv"]["kernel"])


def test_kernel_of_another_size_alone_stays_random():
    received = copy_overlap({"block1a_dwconv": _conv(3, 8, 1, 1.0)}, {"block1a_dwconv": _conv(5, 8, 1, 2.0)})

    assert (received["block1a_dwconv"]["kernel"] == 2).all()


def test_overlap_of_channels_and_of_centred_kernels_is_copied():
    received = copy_overlap({"head_block1_conv": _conv(5, 4, 2, 1.0)}, {"head_block1_conv": _conv(3, 2, 4, 2.0)})
    kernel = received["head_block1_conv"]["kernel"]

    assert (kernel[:, :, :, :2] == 1).all()
    assert (kernel[:, :, :, 2:] == 2).all()


def test_larger_kernel_of_more_channels_keeps_a_random_ring():
    received = copy_overlap({"block1a_dwconv": _conv(3, 4, 1, 1.0)}, {"block1a_dwconv": _conv(5, 6, 1, 2.0)})
    kernel = received["block1a_dwconv"]["kernel"]

    assert (kernel[1:4, 1:4, :4] == 1).all()
    assert kernel.sum() == 9 * 4 + 2 * (25 * 6 - 9 * 4)


def test_vectors_are_filled_up_with_the_parents_mean():
    parent = {"stem_bn": {"gamma": np.array([1, 2, 6], np.float32)}}
    larger = copy_overlap(parent, {"stem_bn": {"gamma": np.zeros(5, np.float32)}})
    smaller = copy_overlap(parent, {"stem_bn": {"gamma": np.zeros(2, np.float32)}})

    np.testing.assert_array_equal(larger["stem_bn"]["gamma"], [1, 2, 6, 3, 3])
    np.testing.assert_array_equal(smaller["stem_bn"]["gamma"], [1, 2])


def test_new_repeat_is_copied_from_the_last_block():
    parent = {
        "block1a_dwconv": _conv(3, 4, 1, 1.0),
        "block2a_dwconv": _conv(3, 4, 1, 2.0),
        "head_block1_conv": _conv(3, 4, 1, 3.0),
    }
    received = copy_overlap(parent, {"block1b_dwconv": _conv(3, 4, 1, 4.0), "head_block2_conv": _conv(3, 4, 1, 5.0)})

    assert (received["block1b_dwconv"]["kernel"] == 2).all()
    assert (received["head_block2_conv"]["kernel"] == 5).all()

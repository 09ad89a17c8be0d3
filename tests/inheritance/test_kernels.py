import numpy as np
import pytest

from evopose2d.inheritance.channels import NEW
from evopose2d.inheritance.kernels import channelwise, mixing, resized, vector
from evopose2d.inheritance.statistics import PIXEL_CORRELATION


def _kernel(size, inputs=2, outputs=3):
    return np.random.default_rng(0).standard_normal((size, size, inputs, outputs))


@pytest.mark.parametrize(("old", "new"), [(3, 5), (1, 3), (3, 7), (3, 4)])
def test_larger_kernel_has_a_ring_of_zeros(old, new):
    kernel = _kernel(old)
    grown = resized(kernel, new)
    start = (new - 1) // 2 - (old - 1) // 2
    middle = np.s_[start : start + old]

    np.testing.assert_allclose(grown[middle, middle], kernel, atol=1e-12)
    grown[middle, middle] = 0
    assert (grown == 0).all()


def test_smaller_kernel_takes_its_ring_in():
    kernel = np.zeros((5, 5, 1, 1))
    kernel[0, 2] = 1
    kernel[4, 4] = 10
    shrunk = resized(kernel, 3)

    expected = np.zeros((3, 3))
    expected[0, 1] = PIXEL_CORRELATION
    expected[2, 2] = 10 * PIXEL_CORRELATION**2
    np.testing.assert_allclose(shrunk[..., 0, 0], expected, atol=1e-12)


def test_smaller_kernel_is_the_best_prediction():
    """No 3x3 kernel comes closer to the 5x5 one's response on features with this correlation."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((5, 5))
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    covariance = np.kron(PIXEL_CORRELATION**distance, PIXEL_CORRELATION**distance)

    def error(small):
        rest = (kernel - np.pad(small, 1)).ravel()
        return rest @ covariance @ rest

    best = resized(kernel[..., np.newaxis, np.newaxis], 3)[..., 0, 0]
    assert all(error(best) < error(best + 0.01 * rng.standard_normal((3, 3))) for _ in range(50))


def test_kernel_on_coarser_pixels_reads_where_it_read():
    kernel = np.zeros((5, 5, 1, 1))
    kernel[2, 0], kernel[2, 2], kernel[2, 3] = 5, 7, 1
    coarse = resized(kernel, 3, spacing=2)[1, :, 0, 0]
    share = PIXEL_CORRELATION / (1 + PIXEL_CORRELATION**2)  # of a pixel's neighbours in telling it

    np.testing.assert_allclose(coarse, [5, 7 + share, share], atol=1e-9)


def test_new_inputs_are_unread_and_new_outputs_random():
    kernel, initial = _kernel(1), np.full((1, 1, 4, 5), 9.0)
    inputs, outputs = np.array([0, 1, NEW, NEW]), np.array([0, 1, 2, NEW, NEW])
    mixed = mixing(kernel, initial, inputs, outputs, np.eye(2))

    np.testing.assert_allclose(mixed[:, :, :2, :3], kernel)
    assert (mixed[:, :, 2:, :3] == 0).all()
    assert (mixed[..., 3:] == 9).all()


def test_lost_input_is_read_from_those_that_tell_it():
    kernel, initial = _kernel(1, 3, 2), np.zeros((1, 1, 2, 2))
    covariance = np.array([[1, 0, 0.8], [0, 1, 0], [0.8, 0, 1]])
    mixed = mixing(kernel, initial, np.array([0, 1]), np.array([0, 1]), covariance)

    np.testing.assert_allclose(mixed[0, 0, 0], kernel[0, 0, 0] + 0.8 * kernel[0, 0, 2], atol=0.1)
    np.testing.assert_allclose(mixed[0, 0, 1], kernel[0, 0, 1])


def test_features_that_never_vary_predict_nothing():
    kernel = _kernel(1, 3, 2)
    mixed = mixing(kernel, np.zeros((1, 1, 2, 2)), np.array([0, 2]), np.array([0, 1]), np.zeros((3, 3)))

    np.testing.assert_array_equal(mixed[0, 0], kernel[0, 0, [0, 2]])


def test_channelwise_weights_follow_their_channels():
    kernel, initial = _kernel(3, 4, 1), np.full((3, 3, 3, 1), 9.0)
    moved = channelwise(kernel, initial, np.array([1, 3, NEW]))

    np.testing.assert_array_equal(moved[:, :, :2], kernel[:, :, [1, 3]])
    assert (moved[:, :, 2] == 9).all()
    np.testing.assert_array_equal(vector(np.arange(4.0), np.full(3, 9.0), np.array([1, 3, NEW])), [1, 3, 9])

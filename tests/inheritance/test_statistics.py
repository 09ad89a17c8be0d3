import keras
import numpy as np
import pytest
from tests.inheritance.specimens import spec_of, trained_weights

from evopose2d.inheritance.statistics import PIXEL_CORRELATION, Features, activated, convolved, normalised
from evopose2d.inheritance.walk import walk
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.recording import Convolution, Kind

_SIDE = 64  # pixels of a sampled feature map


def _features(channels, seed=0):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((channels, channels)) / channels**0.5
    return Features(rng.standard_normal(channels), factor @ factor.T + 0.1 * np.eye(channels))


def _sample(features, count=40):
    """Draw (count, side, side, C) Gaussian feature maps with the assumed correlation between pixels."""
    distance = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE)))
    along = np.linalg.cholesky(PIXEL_CORRELATION**distance)
    across = np.linalg.cholesky(features.covariance)
    white = np.random.default_rng(1).standard_normal((count, _SIDE, _SIDE, len(features.mean)))
    return features.mean + np.einsum("ia,jb,cd,nabd->nijc", along, along, across, white, optimize=True)


def _assert_describes(features, sample):
    flat = sample.reshape(-1, sample.shape[-1])
    deviation = np.sqrt(features.variance)
    np.testing.assert_allclose(flat.mean(axis=0), features.mean, atol=0.05 * deviation.max())
    scale = np.outer(deviation, deviation)
    np.testing.assert_allclose(np.cov(flat, rowvar=False) / scale, features.covariance / scale, atol=0.06)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 2)])
def test_convolved_features(kind, size, stride):
    channels, outputs = 3, 1 if kind is Kind.DEPTHWISE else 4
    kernel = np.random.default_rng(2).standard_normal((size, size, channels, outputs))
    features = _features(channels)
    sample = _sample(features)
    if kind is Kind.FULL:
        given = keras.ops.conv(sample, kernel, stride, "valid")
    elif kind is Kind.DEPTHWISE:
        given = keras.ops.depthwise_conv(sample, kernel, stride, "valid")
    else:
        given = keras.ops.conv_transpose(sample, kernel.swapaxes(2, 3), stride, "same")[:, 2:-2, 2:-2]
    convolution = Convolution("conv", kind, "", "", "", stride)

    _assert_describes(convolved(features, kernel, convolution), keras.ops.convert_to_numpy(given))


def test_activated_features():
    features = _features(4)
    values = _sample(features)

    _assert_describes(activated(features), values / (1 + np.exp(-values)))


def test_normalised_features_have_the_normalisations_mean_and_deviation():
    features = _features(3)
    norm = {"gamma": np.array([0.5, -2.0, 0.0]), "beta": np.array([1.0, 2.0, 3.0])}
    given = normalised(features, norm)

    np.testing.assert_allclose(given.mean, norm["beta"])
    np.testing.assert_allclose(given.variance, norm["gamma"] ** 2)
    correlation = features.covariance[0, 1] / np.sqrt(features.variance[0] * features.variance[1])
    np.testing.assert_allclose(given.covariance[0, 1], 0.5 * -2.0 * correlation)


def test_walk_visits_every_convolution_in_order():
    spec = spec_of([[3, 1, 2, 1], [5, 2, 3, 2]])
    weights = trained_weights(spec, seed=0)
    visited = []

    def visit(convolution, read, given):
        visited.append(convolution)
        kernel = weights[convolution.name]["kernel"]
        inputs = 3 if convolution.kind is Kind.TRANSPOSED else 2
        assert len(read.mean) == kernel.shape[inputs]
        assert (given.variance >= 0).all() and np.isfinite(given.covariance).all()

    walk(spec, weights, visit)

    assert visited == list(recorded(spec).convolutions)


def test_walk_sees_a_bias_that_is_set_on_the_way():
    spec = spec_of([[3, 1, 2, 1], [5, 2, 3, 2]])
    weights = trained_weights(spec, seed=0)
    means = []
    for shift in (0, 5):

        def visit(convolution, _, given, shift=shift):
            if convolution.name == "block1a_se_expand":
                weights[convolution.name]["bias"] = weights[convolution.name]["bias"] + np.float32(shift)
            if convolution.name == "block1a_project_conv":
                means.append(given.mean)

        walk(spec, weights, visit)

    assert not np.allclose(means[0], means[1])

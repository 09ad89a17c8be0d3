"""What a trained network's features look like, told from its weights alone.

Batch normalisation knows the mean (beta) and the deviation (gamma) of every channel that it gives. Between two
of them features are carried on as a Gaussian with a covariance: a convolution is linear, and swish of a Gaussian
has a mean and covariance in Hermite polynomials. So no image is needed to say which channels matter, how far one
can be told from others, and what a changed convolution will give.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import factorial

import numpy as np

from evopose2d.inheritance.layers import Array
from evopose2d.networks.recording import Convolution, Kind

PIXEL_CORRELATION = 0.7
"""Correlation of a feature with itself one pixel away; it falls off as a power of the distance."""

_COLOUR_CORRELATION = 0.9  # of natural images' red, green and blue
_IMAGE_CORRELATION = 0.95  # of an image's neighbouring pixels
_POOLED = 0.2  # variance of a feature's mean over an image, of its variance
_HERMITE_TERMS = 2
_NODES, _QUADRATURE = np.polynomial.hermite_e.hermegauss(33)
_QUADRATURE = _QUADRATURE / _QUADRATURE.sum()
_TINY = 1e-12


@dataclass(frozen=True)
class Features:
    """Distribution of feature vectors over pixels and images.

    Attributes:
        mean: (C,) float64.
        covariance: (C, C) float64.
        correlation: of a feature with itself one pixel away.
    """

    mean: Array
    covariance: Array
    correlation: float = PIXEL_CORRELATION

    @property
    def variance(self) -> Array:
        """(C,) float64."""
        return self.covariance.diagonal()

    @property
    def moments(self) -> "Moments":
        """Mean and variance alone, for whoever keeps those of a whole network."""
        return Moments(self.mean, self.variance.copy())  # a view would keep the covariance


@dataclass(frozen=True)
class Moments:
    """Mean and variance of features over pixels and images, channel by channel.

    Attributes:
        mean: (C,) float64.
        variance: (C,) float64.
    """

    mean: Array
    variance: Array


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-x)) of each value."""
    return 1 / (1 + np.exp(-values))


def swish(values: Array) -> Array:
    """Return x / (1 + exp(-x)) of each value."""
    return values * sigmoid(values)


def image_features(colours: int = 3) -> Features:
    """Return the distribution of normalised natural images."""
    covariance = _powers(_COLOUR_CORRELATION, colours, decay=False)
    return Features(np.zeros(colours), covariance, _IMAGE_CORRELATION)


def convolved(features: Features, kernel: Array, convolution: Convolution) -> Features:
    """Return what a convolution makes of features, without bias.

    Args:
        features: with C channels.
        kernel: as ``kernel_of`` returns it.
        convolution: whose kernel it is.
    """
    correlation = features.correlation
    if convolution.kind is Kind.DEPTHWISE:
        taps = kernel[..., 0].reshape(-1, kernel.shape[2])
        shared = taps.T @ _tap_correlation(kernel.shape[:2], correlation) @ taps
        return Features(features.mean * taps.sum(axis=0), features.covariance * shared)
    if convolution.kind is Kind.FULL:
        return _phase(features, kernel, correlation)
    # Pixels of a transposed convolution's output see different taps of it; their statistics are averaged.
    step = range(convolution.stride)
    phases = [
        _phase(features, kernel[row :: len(step), column :: len(step)], correlation) for row in step for column in step
    ]
    means = np.stack([phase.mean for phase in phases])
    spread = np.cov(means, rowvar=False, bias=True)
    return Features(means.mean(axis=0), spread + sum(phase.covariance for phase in phases) / len(phases))


def _phase(features: Features, kernel: Array, correlation: float) -> Features:
    mean = features.mean @ kernel.sum(axis=(0, 1))
    taps = kernel.reshape(-1, *kernel.shape[2:])
    neighbours = np.tensordot(_tap_correlation(kernel.shape[:2], correlation), taps, axes=1)
    read = np.einsum("ij,tjo->tio", features.covariance, neighbours, optimize=True)
    return Features(mean, np.tensordot(taps, read, axes=([0, 1], [0, 1])))


def pooled(features: Features) -> Features:
    """Return the distribution of the features' means over an image."""
    return Features(features.mean, _POOLED * features.covariance)


def excited(features: Features, gates: Array) -> Features:
    """Return features whose channels are multiplied by gates (C,)."""
    return Features(features.mean * gates, features.covariance * np.outer(gates, gates))


def normalised(features: Features, norm: Mapping[str, Array]) -> Features:
    """Return features after batch normalisation: its own mean and deviation, the correlations as they were."""
    gamma = np.asarray(norm["gamma"], np.float64)
    scale = gamma / np.sqrt(np.maximum(features.variance, _TINY))
    covariance = features.covariance * np.outer(scale, scale)
    np.fill_diagonal(covariance, gamma**2)
    return Features(np.asarray(norm["beta"], np.float64), covariance)


def activated(features: Features, activation: Callable[[Array], Array] = swish) -> Features:
    """Return features after an activation, as if they were Gaussian before (Mehler's expansion of their covariance)."""
    deviation = np.sqrt(np.maximum(features.variance, _TINY))
    points = features.mean[:, np.newaxis] + deviation[:, np.newaxis] * _NODES
    values = activation(points)
    mean = values @ _QUADRATURE
    correlation = features.covariance / np.outer(deviation, deviation)
    covariance = np.zeros_like(correlation)
    power = np.ones_like(correlation)
    for term in range(1, _HERMITE_TERMS + 1):
        polynomial = np.polynomial.hermite_e.hermeval(_NODES, [0] * term + [1])
        coefficient = values @ (_QUADRATURE * polynomial)
        power = power * correlation
        covariance += np.outer(coefficient, coefficient) / factorial(term) * power
    np.fill_diagonal(covariance, values**2 @ _QUADRATURE - mean**2)
    return Features(mean, covariance)


def _tap_correlation(shape: tuple[int, ...], correlation: float) -> Array:
    rows, columns = (_powers(correlation, size) for size in shape)
    return np.kron(rows, columns)


def _powers(correlation: float, size: int, *, decay: bool = True) -> Array:
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return correlation ** (distance if decay else np.minimum(distance, 1))

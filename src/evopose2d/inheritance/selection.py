"""Which channels to keep where a child has fewer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evopose2d.inheritance.layers import Array, LayerArrays, kernel_of
from evopose2d.inheritance.statistics import Features
from evopose2d.networks.recording import Convolution, Kind, Recording

_EPSILON = 1e-3  # of batch normalisation
_DOUBT = 0.05  # of a channel's variance: how far estimated covariances are mistrusted
_TINY = 1e-12


@dataclass(frozen=True)
class Reading:
    """How a convolution reads an axis.

    Attributes:
        covariance: (C, C) of the channels.
        rows: (C, outputs) weights, each output in deviations of what the normalisation after it gives.
    """

    covariance: Array
    rows: Array


def readings(network: Recording, weights: LayerArrays, reads: Mapping[str, Features]) -> dict[str, list[Reading]]:
    """Return, for each axis, the readings of the convolutions that carry it on.

    Squeezing is left out: the projection of the same channels speaks for them.

    Args:
        network: its layers.
        weights: its weights.
        reads: the features that each convolution reads, by its name.
    """
    found: dict[str, list[Reading]] = {}
    for convolution in network.convolutions:
        if convolution.kind is not Kind.DEPTHWISE and not convolution.of_means:
            kernel = kernel_of(weights, convolution) * _gain(weights, convolution)
            rows = np.moveaxis(kernel, 2, 0).reshape(kernel.shape[2], -1)
            reading = Reading(reads[convolution.name].covariance, rows)
            found.setdefault(convolution.reads, []).append(reading)
    return found


def most_telling(axis_readings: Sequence[Reading], count: int) -> NDArray[np.intp]:
    """Choose the channels from which what is computed of all of them is best predicted.

    Greedy forward selection: each step takes the channel that explains most of the variance, summed over
    outputs, that those before it leave unexplained.

    Args:
        axis_readings: one or more, with C channels.
        count: channels to choose, at most C.

    Returns:
        (count,) indices in ascending order.
    """
    unexplained = [_Unexplained(reading, count) for reading in axis_readings]
    chosen: list[int] = []
    for _ in range(count):
        gain = np.sum([part.gains() for part in unexplained], axis=0)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        for part in unexplained:
            part.explain(chosen[-1])
    return np.sort(np.array(chosen, np.intp))


class _Unexplained:
    """What the chosen channels leave unexplained of a reading: a pivoted Cholesky decomposition, step by step."""

    def __init__(self, reading: Reading, steps: int) -> None:
        doubt = _DOUBT * reading.covariance.diagonal() + _TINY
        self._covariance = reading.covariance + np.diag(doubt)
        self._variance = self._covariance.diagonal().copy()
        self._outputs = reading.covariance @ reading.rows  # covariance of channels with outputs
        self._factor = np.zeros((len(doubt), steps))
        self._step = 0

    def gains(self) -> Array:
        """Return the variance (C,) that each channel would explain."""
        return (self._outputs**2).sum(axis=1) / np.maximum(self._variance, _TINY)

    def explain(self, channel: int) -> None:
        """Take what a channel tells out of all others."""
        known = self._factor[:, : self._step]
        column = self._covariance[:, channel] - known @ known[channel]
        column /= np.sqrt(max(column[channel], _TINY))
        scale = column[channel]
        self._outputs -= np.outer(column, self._outputs[channel] / scale)
        self._variance -= column**2
        self._factor[:, self._step] = column
        self._step += 1


def _gain(weights: LayerArrays, convolution: Convolution) -> Array:
    if not convolution.norm:
        return np.ones(1)
    norm = weights[convolution.norm]
    return norm["gamma"] / np.sqrt(norm["moving_variance"] + _EPSILON)

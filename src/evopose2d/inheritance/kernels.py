"""A convolution's kernel and vectors, from a parent's to a child's."""

import numpy as np

from evopose2d.inheritance.channels import NEW, Sources
from evopose2d.inheritance.layers import Array
from evopose2d.inheritance.statistics import PIXEL_CORRELATION

_DOUBT = 0.05  # of a channel's variance: how far estimated covariances are mistrusted
_NEGLIGIBLE = 1e-9
_TINY = 1e-12


def resized(kernel: Array, size: int, spacing: float = 1.0) -> Array:
    """Return a kernel about the same centre that reads other pixels.

    Each weight goes to the pixels that the child reads as they best predict, linearly, the pixel that it was
    for, where a feature's correlation falls off as a power of the distance in rows and in columns. So a larger
    kernel gets a ring of zeros; in a smaller one the ring moves to the nearest weights that stay.

    Args:
        kernel: (k, k, inputs, outputs).
        size: of the child's kernel.
        spacing: distance of the child's pixels over that of the parent's.

    Returns:
        (size, size, inputs, outputs) float64.
    """
    old = kernel.shape[0]
    before = np.arange(old) - (old - 1) // 2
    after = spacing * (np.arange(size) - (size - 1) // 2)
    moved = np.linalg.solve(_correlation(after, after), _correlation(after, before))
    moved[np.abs(moved) < _NEGLIGIBLE] = 0  # rounding, where the child reads the very pixel
    return np.einsum("ia,jb,abcd->ijcd", moved, moved, kernel)


def mixing(kernel: Array, initial: Array, inputs: Sources, outputs: Sources, covariance: Array) -> Array:
    """Return the kernel of a convolution that mixes channels.

    Outputs that the parent has read nothing of new inputs; what they read of lost inputs they read, as far as it
    can be predicted, of those that stay. New outputs keep their initial weights.

    Args:
        kernel: (k, k, parent's inputs, parent's outputs), of the child's size.
        initial: (k, k, child's inputs, child's outputs).
        inputs: sources of the child's inputs.
        outputs: sources of the child's outputs.
        covariance: (C, C) of the parent's inputs.

    Returns:
        As ``initial``.
    """
    known, old = np.flatnonzero(inputs != NEW), np.flatnonzero(outputs != NEW)
    kept = inputs[known]
    lost = np.setdiff1d(np.arange(kernel.shape[2]), kept)
    told = kernel[:, :, kept]
    if lost.size:
        told = told + np.einsum("kl,ablo->abko", predictor(covariance, kept, lost), kernel[:, :, lost])
    result = initial.copy()
    result[..., old] = 0
    result[:, :, known[:, np.newaxis], old] = told[..., outputs[old]]
    return result


def predictor(covariance: Array, kept: Sources, lost: Sources) -> Array:
    """Return the weights (kept, lost) of the best linear prediction of lost channels from kept ones."""
    known = covariance[np.ix_(kept, kept)]
    regular = known + np.diag(_DOUBT * known.diagonal() + _TINY)
    return np.linalg.solve(regular, covariance[np.ix_(kept, lost)])


def channelwise(kernel: Array, initial: Array, channels: Sources) -> Array:
    """Return the kernel of a depthwise convolution; new channels keep their initial weights.

    Args:
        kernel: (k, k, parent's channels, 1), of the child's size.
        initial: (k, k, child's channels, 1).
        channels: sources of the child's channels.

    Returns:
        As ``initial``.
    """
    old = np.flatnonzero(channels != NEW)
    result = initial.copy()
    result[:, :, old] = kernel[:, :, channels[old]]
    return result


def vector(parent: Array, initial: Array, channels: Sources) -> Array:
    """Return one value (C,) for each of the child's channels: the parent's, or the initial one of a new channel."""
    return np.where(channels == NEW, initial, parent[channels])


def _correlation(one: Array, other: Array) -> Array:
    return PIXEL_CORRELATION ** np.abs(np.subtract.outer(one, other))

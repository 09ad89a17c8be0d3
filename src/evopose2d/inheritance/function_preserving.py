"""Inherit so that a child that grew computes its parent's function, and one that shrank stays as close as it can.

Growth is exact. Larger kernels get a ring of zeros; new channels start at random, but what the parent computes
reads nothing of them, so that gradients reach them and the function stays; a new repeat of a block is an identity,
since its last batch normalisation has scale zero (Goyal et al., arXiv 1706.02677, section 5.1).

What is lost, channels and kernel rings, is predicted linearly from what stays, with covariances told from the
weights alone (``statistics``). Of channels those stay from which all can best be told. At last each batch
normalisation gets the mean and variance that go with the child's weights: those of the parent, changed as the
estimates changed, and plain estimates for new channels. So the child's first validation sees it as its first
training step does.
"""

from collections.abc import Mapping

import numpy as np

from evopose2d.inheritance import kernels
from evopose2d.inheritance.channels import NEW, Sources, channel_sources
from evopose2d.inheritance.layers import (
    Convolution,
    Kind,
    LayerArrays,
    block_convolutions,
    convolutions,
    kernel_of,
    pixel_spacing,
    set_kernel,
)
from evopose2d.inheritance.selection import readings
from evopose2d.inheritance.statistics import Features, walk
from evopose2d.networks.scaling import NetworkSpec

_TINY = 1e-12
_GAINED_SKIP_SCALE = 4.0


def preserve_function(
    parent: NetworkSpec, parent_weights: LayerArrays, child: NetworkSpec, initial: LayerArrays
) -> LayerArrays:
    """Return the child's weights.

    Args:
        parent: the network that has weights.
        parent_weights: its weights.
        child: the network to be given some.
        initial: its random weights; not changed.

    Returns:
        Arrays of the names, shapes and dtype of ``initial``.
    """
    read: dict[str, Features] = {}
    given: dict[str, Features] = {}
    for convolution, features, result in walk(parent, parent_weights):
        read[convolution.name], given[convolution.name] = features, result
    sources = channel_sources(parent, child, readings(parent, parent_weights, read))
    weights = {name: dict(layer) for name, layer in initial.items()}
    spacing, old_spacing = pixel_spacing(child), pixel_spacing(parent)
    skippable = {f"{block.name}_project_conv" for block in child.blocks if block.has_skip}
    for convolution in convolutions(child):
        name = convolution.name
        if name in read:
            ratio = spacing[name] / old_spacing[name]
            _transfer(convolution, parent_weights, weights, sources, read[name], ratio)
        elif name in skippable:
            _silence(convolution, weights)
    _soften_gained_skips(parent, child, weights)
    for convolution, _, result in walk(child, weights):
        channels = sources[convolution.gives]
        if convolution.name in given:
            _recentre(convolution, weights, channels, result, given[convolution.name])
        else:
            _recentre(convolution, weights, np.full_like(channels, NEW), result, result)
    return weights


def _transfer(
    convolution: Convolution,
    parent: LayerArrays,
    child: LayerArrays,
    sources: Mapping[str, Sources],
    read: Features,
    spacing: float,
) -> None:
    initial = kernel_of(child, convolution)
    inputs, outputs = sources[convolution.reads], sources[convolution.gives]
    kernel = kernel_of(parent, convolution)
    if kernel.shape[:2] != initial.shape[:2] or spacing != 1:
        kernel = kernels.resized(kernel, initial.shape[0], spacing)
    if convolution.kind is Kind.DEPTHWISE:
        kernel = kernels.channelwise(kernel, initial, outputs)
    else:
        kernel = kernels.mixing(kernel, initial, inputs, outputs, read.covariance)
    set_kernel(child, convolution, kernel)
    for layer in (convolution.name, convolution.norm):
        for name in set(child[layer]) - {"kernel"} if layer else ():
            child[layer][name] = kernels.vector(parent[layer][name], child[layer][name], outputs)


def _silence(convolution: Convolution, weights: LayerArrays) -> None:
    """Make a new repeat an identity; its other weights are random, so that its scale has a gradient."""
    gamma = weights[convolution.norm]["gamma"]
    weights[convolution.norm] |= {"gamma": np.zeros_like(gamma)}


def _soften_gained_skips(parent: NetworkSpec, child: NetworkSpec, weights: LayerArrays) -> None:
    """Make what a skip connection adds that the parent lacks small beside what the block computes.

    The block's own output is scaled up, as is all that is added to it later; what reads the sum is scaled down.
    """
    without_skip = {block.name for block in parent.blocks if not block.has_skip}
    scale, trunk = 1.0, "stem"
    for block in child.blocks:
        _scale_kernel(next(block_convolutions(block, trunk)), weights, 1 / scale)
        gained = block.has_skip and block.name in without_skip
        scale = scale * (_GAINED_SKIP_SCALE if gained else 1.0) if block.has_skip else 1.0
        norm = weights[f"{block.name}_project_bn"]
        norm |= {name: norm[name] * np.float32(scale) for name in ("gamma", "beta")}
        trunk = block.name
    reader = next(convolution for convolution in convolutions(child) if convolution.reads == trunk)
    _scale_kernel(reader, weights, 1 / scale)


def _scale_kernel(convolution: Convolution, weights: LayerArrays, scale: float) -> None:
    set_kernel(weights, convolution, kernel_of(weights, convolution) * scale)


def _recentre(
    convolution: Convolution, weights: LayerArrays, channels: Sources, now: Features, before: Features
) -> None:
    """Keep what follows a convolution at the mean and variance that it had, as far as they can be estimated."""
    new = channels == NEW
    shift = np.where(new, 0, now.mean - before.mean[channels])
    if not convolution.norm:
        bias = weights[convolution.name]["bias"]
        weights[convolution.name]["bias"] = (bias - shift).astype(bias.dtype)
        return
    norm = weights[convolution.norm]
    mean, variance = norm["moving_mean"], norm["moving_variance"]
    growth = (now.variance + _TINY) / (before.variance[channels] + _TINY)
    norm["moving_mean"] = np.where(new, now.mean, mean + shift).astype(mean.dtype)
    norm["moving_variance"] = np.where(new, now.variance, variance * growth).astype(variance.dtype)

"""Inherit so that a child that grew computes its parent's function, and one that shrank stays as close as it can.

Growth is exact. Larger kernels get a ring of zeros; new channels start at random, but what the parent computes
reads nothing of them, so that gradients reach them and the function stays; a new repeat of a block is an identity,
since its last batch normalisation has scale zero (Goyal et al., arXiv 1706.02677, section 5.1). Growing a trained
network without changing its function is Net2Net's idea (Chen et al., arXiv 1511.05641).

What is lost (channels, kernel rings, pixels where a stride doubles) is predicted linearly from what stays, with
covariances told from the weights alone (``statistics``); of channels those stay from which all can best be told. A
skip connection that the parent lacks cannot be undone, but what it adds is made small beside what its block gives.

At last each normalisation gets the mean and variance that go with the child's weights: those of the parent, changed
as the estimates changed, and plain estimates for new channels. So validation sees the child as training does, whose
batches have their own statistics: left alone, moving averages would take hundreds of steps to arrive there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evopose2d.inheritance import kernels
from evopose2d.inheritance.channels import NEW, Sources, channel_sources
from evopose2d.inheritance.layers import LayerArrays, kernel_of, set_kernel
from evopose2d.inheritance.selection import readings
from evopose2d.inheritance.statistics import Features, Moments
from evopose2d.inheritance.walk import walk
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.recording import Convolution, Kind, Recording
from evopose2d.networks.scaling import NetworkSpec

_TINY = 1e-12
_GAINED_SKIP_SCALE = 4.0
_MOST_GROWTH = 100.0  # of a variance: more is a fault of the estimate


@dataclass(frozen=True)
class _Parent:
    """What is known of the parent: its layers, its weights and, by convolution, what it reads and gives."""

    network: Recording
    weights: LayerArrays
    read: Mapping[str, Features]
    given: Mapping[str, Moments]
    spacing: Mapping[str, float]


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
    known, network = _known(parent, parent_weights), recorded(child)
    sources = channel_sources(known.network, network, readings(known.network, parent_weights, known.read))
    weights = {name: dict(layer) for name, layer in initial.items()}
    for convolution in network.convolutions:
        if _reads_the_same(convolution, known.network, network):
            _transfer(convolution, known, weights, sources)
    _silence_new_repeats(child, known, weights)
    _soften_gained_skips(parent, child, network, weights)

    def recentre(convolution: Convolution, _: Features, given: Features) -> None:
        channels = sources[convolution.gives]
        if convolution.name not in known.given:
            channels = np.full_like(channels, NEW)
        now = given.moments
        _recentre(convolution, weights, channels, now, known.given.get(convolution.name, now))

    walk(child, weights, recentre)
    return weights


def _reads_the_same(convolution: Convolution, parent: Recording, child: Recording) -> bool:
    """Return whether the parent has a child's convolution, and on channels that skip connections tie to the child's."""
    before = next((each.reads for each in parent.convolutions if each.name == convolution.name), None)
    now = convolution.reads
    if before is None or before == now:
        return before == now
    return child.streams.get(before) == child.streams[now] or parent.streams.get(now) == parent.streams[before]


def _known(spec: NetworkSpec, weights: LayerArrays) -> _Parent:
    reads: dict[str, Features] = {}
    gives: dict[str, Moments] = {}

    def note(convolution: Convolution, read: Features, given: Features) -> None:
        reads[convolution.name], gives[convolution.name] = read, given.moments

    walk(spec, weights, note)
    network = recorded(spec)
    return _Parent(network, weights, reads, gives, {each.name: each.spacing for each in network.convolutions})


def _transfer(convolution: Convolution, parent: _Parent, child: LayerArrays, sources: Mapping[str, Sources]) -> None:
    """Replace a convolution's initial weights and those of its normalisation."""
    name, norm = convolution.name, convolution.norm
    inputs, outputs = sources[convolution.reads], sources[convolution.gives]
    kernel, initial = kernel_of(parent.weights, convolution), kernel_of(child, convolution)
    coarsening = convolution.spacing / parent.spacing[name]
    if kernel.shape[:2] != initial.shape[:2] or coarsening != 1:
        kernel = kernels.resized(kernel, initial.shape[0], coarsening)
    if convolution.kind is Kind.DEPTHWISE:
        kernel = kernels.channelwise(kernel, initial, outputs)
    else:
        kernel = kernels.mixing(kernel, initial, inputs, outputs, parent.read[name].covariance)
    set_kernel(child, convolution, kernel)
    for layer, vector in [(norm, vector) for vector in child[norm]] if norm else [(name, "bias")]:
        child[layer][vector] = kernels.vector(parent.weights[layer][vector], child[layer][vector], outputs)


def _silence_new_repeats(child: NetworkSpec, parent: _Parent, weights: LayerArrays) -> None:
    """Make new repeats identities; their other weights are random, so that the scale that is zero has a gradient."""
    for block in child.blocks:
        if block.has_skip and f"{block.name}_project_conv" not in parent.read:
            norm = weights[f"{block.name}_project_bn"]
            norm["gamma"] = np.zeros_like(norm["gamma"])


def _soften_gained_skips(parent: NetworkSpec, child: NetworkSpec, network: Recording, weights: LayerArrays) -> None:
    """Make what a skip connection adds that the parent lacks small beside what the block computes.

    The block's own output is scaled up, as is all that is added to it later; what reads the sum is scaled down.
    """
    first_of = {convolution.name.partition("_")[0]: convolution for convolution in reversed(network.convolutions)}
    without_skip = {block.name for block in parent.blocks if not block.has_skip}
    scale = 1.0
    for block in child.blocks:
        _scale_kernel(first_of[block.name], weights, 1 / scale)
        gained = block.has_skip and block.name in without_skip
        scale = scale * (_GAINED_SKIP_SCALE if gained else 1.0) if block.has_skip else 1.0
        norm = weights[f"{block.name}_project_bn"]
        norm |= {name: norm[name] * np.float32(scale) for name in ("gamma", "beta")}
    last = child.blocks[-1].name
    reader = next(each for each in network.convolutions if each.reads == f"{last}_project_conv")
    _scale_kernel(reader, weights, 1 / scale)


def _scale_kernel(convolution: Convolution, weights: LayerArrays, scale: float) -> None:
    set_kernel(weights, convolution, kernel_of(weights, convolution) * scale)


def _recentre(convolution: Convolution, weights: LayerArrays, channels: Sources, now: Moments, before: Moments) -> None:
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
    growth = growth.clip(1 / _MOST_GROWTH, _MOST_GROWTH)
    norm["moving_mean"] = np.where(new, now.mean, mean + shift).astype(mean.dtype)
    norm["moving_variance"] = np.where(new, now.variance, variance * growth).astype(variance.dtype)

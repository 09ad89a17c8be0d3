"""The convolutions of a network in order, and which of their channels are the same channels."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from evopose2d.networks.scaling import BlockSpec, NetworkSpec

Array = NDArray[np.floating]
LayerArrays = dict[str, dict[str, Array]]
"""Weights of a network: layer name, then weight name (``kernel``, ``gamma``, ...)."""

IMAGES = "images"
KEYPOINTS = "keypoints"
_NORM_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")


class Kind(Enum):
    """How a convolution's kernel is laid out."""

    FULL = "full"  # (k, k, inputs, outputs)
    DEPTHWISE = "depthwise"  # (k, k, channels, 1)
    TRANSPOSED = "transposed"  # (k, k, outputs, inputs)


@dataclass(frozen=True)
class Convolution:
    """One convolution and what stands around it.

    Attributes:
        name: of its layer.
        kind: how its kernel is laid out.
        reads: axis of the channels that it reads.
        gives: axis of the channels that it gives. Axes with one name hold the same channels in the same order.
        norm: batch normalisation that follows; empty where it has a bias instead.
        stride: pixels that it reads for one that it gives; for a transposed one the other way round.
    """

    name: str
    kind: Kind
    reads: str
    gives: str
    norm: str
    stride: int = 1


def convolutions(spec: NetworkSpec) -> Iterator[Convolution]:
    """Give a network's convolutions in the order in which they run."""
    yield Convolution("stem_conv", Kind.FULL, IMAGES, "stem", "stem_bn", spec.stem_stride)
    axis = "stem"
    for block in spec.blocks:
        yield from block_convolutions(block, axis)
        axis = block.name
    for head in spec.head:
        name = head.name
        yield Convolution(f"{name}_conv", Kind.TRANSPOSED, axis, name, f"{name}_bn", head.stride)
        axis = name
    yield Convolution("final_conv", Kind.FULL, axis, KEYPOINTS, "")


def block_convolutions(block: BlockSpec, axis: str) -> Iterator[Convolution]:
    """Give a bottleneck's convolutions in order; ``axis`` is that of its input."""
    name = block.name
    expanded = expanded_axis(block, axis)
    if block.expansion != 1:
        yield Convolution(f"{name}_expand_conv", Kind.FULL, axis, expanded, f"{name}_expand_bn")
    yield Convolution(f"{name}_dwconv", Kind.DEPTHWISE, expanded, expanded, f"{name}_bn", block.stride)
    yield Convolution(f"{name}_se_reduce", Kind.FULL, expanded, squeezed_axis(block), "")
    yield Convolution(f"{name}_se_expand", Kind.FULL, squeezed_axis(block), expanded, "")
    yield Convolution(f"{name}_project_conv", Kind.FULL, expanded, name, f"{name}_project_bn")


def pixel_spacing(spec: NetworkSpec) -> dict[str, float]:
    """Return, for each convolution but the transposed ones, the input pixels from one pixel it reads to the next.

    Transposed ones are left at 1: what they draw between the pixels stays the same figure on any grid.
    """
    spacing: dict[str, float] = {}
    current = 1.0
    for convolution in convolutions(spec):
        transposed = convolution.kind is Kind.TRANSPOSED
        spacing[convolution.name] = 1.0 if transposed else current
        current = current / convolution.stride if transposed else current * convolution.stride
    return spacing


def expanded_axis(block: BlockSpec, axis: str) -> str:
    """Return the axis of a bottleneck's depthwise convolution; ``axis`` is that of its input."""
    return axis if block.expansion == 1 else f"{block.name}_expanded"


def squeezed_axis(block: BlockSpec) -> str:
    """Return the axis of a bottleneck's squeeze-excitation."""
    return f"{block.name}_squeezed"


def axis_widths(spec: NetworkSpec) -> dict[str, int]:
    """Return the channels of every axis, in the order in which a network makes them."""
    widths = {IMAGES: 3, "stem": spec.stem_channels}
    trunk = "stem"
    for block in spec.blocks:
        widths[expanded_axis(block, trunk)] = block.expanded_channels
        widths[squeezed_axis(block)] = block.squeeze_channels
        widths[block.name] = block.out_channels
        trunk = block.name
    widths |= {head.name: head.out_channels for head in spec.head}
    return widths | {KEYPOINTS: spec.keypoints}


def layer_shapes(spec: NetworkSpec) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shape of every weight of a network by layer and by name."""
    widths = axis_widths(spec)
    sizes = _kernel_sizes(spec)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for convolution in convolutions(spec):
        size = sizes.get(convolution.name, 1)
        channels = (widths[convolution.reads], widths[convolution.gives])
        if convolution.kind is Kind.DEPTHWISE:
            channels = (channels[0], 1)
        elif convolution.kind is Kind.TRANSPOSED:
            channels = channels[::-1]
        shapes[convolution.name] = {"kernel": (size, size, *channels)}
        if convolution.norm:
            shapes[convolution.norm] = dict.fromkeys(_NORM_WEIGHTS, (widths[convolution.gives],))
        else:
            shapes[convolution.name]["bias"] = (widths[convolution.gives],)
    return shapes


def _kernel_sizes(spec: NetworkSpec) -> dict[str, int]:
    sizes = {"stem_conv": spec.stem_kernel, "final_conv": spec.final_kernel}
    sizes |= {f"{block.name}_dwconv": block.kernel for block in spec.blocks}
    return sizes | {f"{head.name}_conv": head.kernel for head in spec.head}


def kernel_of(weights: LayerArrays, convolution: Convolution) -> Array:
    """Return a kernel as (k, k, inputs, outputs), or (k, k, channels, 1) of a depthwise convolution, float64."""
    kernel = np.asarray(weights[convolution.name]["kernel"], np.float64)
    return kernel.swapaxes(2, 3) if convolution.kind is Kind.TRANSPOSED else kernel


def set_kernel(weights: LayerArrays, convolution: Convolution, kernel: Array) -> None:
    """Store a kernel that is laid out as ``kernel_of`` gives it, as float32."""
    stored = kernel.swapaxes(2, 3) if convolution.kind is Kind.TRANSPOSED else kernel
    weights[convolution.name]["kernel"] = np.ascontiguousarray(stored, np.float32)

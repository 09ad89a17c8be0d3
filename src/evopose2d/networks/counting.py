"""The size of a network from its description alone: no Keras or TensorFlow, so it counts genotypes fast.

Operations are counted as TensorFlow's profiler counts those of the original, so that figures compare with the
paper's: two for each multiply-accumulate of a convolution, and for each element one of a bias, a mean, an
excitation or a skip connection and two of a swish (x * sigmoid(beta * x)). Batch normalisation,
sigmoid and rectifier count nothing. Two operations are one multiply-add.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from evopose2d.networks.scaling import BlockSpec, HeadSpec, NetworkSpec

_SWISH = 2  # operations an element


@dataclass(frozen=True)
class NetworkSize:
    """How large a network is.

    Attributes:
        parameters: all weights, the moving statistics of batch normalisation included.
        trainable_parameters: those that training changes by gradient.
        multiply_adds: half the operations of a forward pass over one image.
        kept_values: values that a training step on an accelerator keeps of one image for the gradients.
    """

    parameters: int
    trainable_parameters: int
    multiply_adds: int
    kept_values: int = field(default=0, compare=False)  # not known of networks that are built

    def training_bytes(self, images: int, value_bytes: int = 4) -> int:
        """Return the memory that a training step needs at its peak, by what it keeps; workspaces come on top.

        Weights, their gradients, Adam's two moments and the step made of them are float32.

        Args:
            images: that are in memory at once: of the batch, or of a part of it.
            value_bytes: of a kept value: 4 in float32, 2 in bfloat16.
        """
        return 5 * 4 * self.trainable_parameters + images * value_bytes * self.kept_values


@dataclass(frozen=True)
class Part:
    """What one layer adds: trainable and other weights, operations of a forward pass, values kept for gradients."""

    trainable: int = 0
    frozen: int = 0
    operations: int = 0
    kept: int = 0


def count(spec: NetworkSpec) -> NetworkSize:
    """Count a described network; parameters are exactly those that Keras counts in the built one."""
    return total(_parts(spec))


def total(parts: Iterable[Part]) -> NetworkSize:
    """Add up what the layers of a network add to its size."""
    parts = list(parts)
    trainable = sum(part.trainable for part in parts)
    return NetworkSize(
        parameters=trainable + sum(part.frozen for part in parts),
        trainable_parameters=trainable,
        multiply_adds=sum(part.operations for part in parts) // 2,
        kept_values=sum(part.kept for part in parts),
    )


def _parts(spec: NetworkSpec) -> Iterator[Part]:
    pixels = math.prod(spec.input_shape) // spec.stem_stride**2
    yield convolution(spec.stem_kernel, 3, spec.stem_channels, pixels)
    yield from _normalised_swish(spec.stem_channels, pixels)
    for block in spec.blocks:
        yield from _block(block, pixels)
        pixels //= block.stride**2
    for head in spec.head:
        yield from _head(head, pixels)
        pixels *= head.stride**2
    yield convolution(spec.final_kernel, spec.final_channels, spec.keypoints, pixels)
    yield bias(spec.keypoints, pixels)


def _block(block: BlockSpec, pixels: int) -> Iterator[Part]:
    width = block.expanded_channels
    if block.expansion != 1:
        yield convolution(1, block.in_channels, width, pixels)
        yield from _normalised_swish(width, pixels)
    pixels //= block.stride**2
    yield convolution(block.kernel, 1, width, pixels)  # depthwise: each output reads one channel
    yield from _normalised_swish(width, pixels)
    yield from _squeeze_excitation(width, block.squeeze_channels, pixels)
    yield convolution(1, width, block.out_channels, pixels)
    yield batch_norm(block.out_channels)
    yield Part(kept=block.out_channels * pixels)  # the block's result, which the next layers read
    if block.has_skip:
        yield Part(operations=block.out_channels * pixels)


def _squeeze_excitation(width: int, squeeze: int, pixels: int) -> Iterator[Part]:
    yield Part(operations=width * pixels)  # mean over the pixels
    yield convolution(1, width, squeeze, 1)
    yield bias(squeeze, 1)
    yield Part(operations=_SWISH * squeeze)
    yield convolution(1, squeeze, width, 1)
    yield bias(width, 1)
    yield Part(operations=width * pixels, kept=width * pixels)  # excitation


def _head(head: HeadSpec, pixels: int) -> Iterator[Part]:
    yield transposed_convolution(head.kernel, head.in_channels, head.out_channels, pixels, head.stride)
    yield from _normalised_swish(head.out_channels, pixels * head.stride**2)


def convolution(kernel: int, in_channels: int, out_channels: int, pixels: int) -> Part:
    """Count a convolution without bias; ``pixels`` is how often its kernel is applied."""
    weights = kernel**2 * in_channels * out_channels
    # A depthwise convolution gives as many channels as it has kernels, each of which reads one.
    return Part(trainable=weights, operations=2 * weights * pixels, kept=out_channels * pixels)


def transposed_convolution(kernel: int, in_channels: int, out_channels: int, pixels: int, stride: int) -> Part:
    """Count a transposed convolution, which multiplies each of the ``pixels`` that it reads with its kernel."""
    part = convolution(kernel, in_channels, out_channels, pixels)
    return replace(part, kept=part.kept * stride**2)


def bias(channels: int, pixels: int) -> Part:
    """Count a bias that is added to ``pixels`` pixels."""
    return Part(trainable=channels, operations=channels * pixels)


def _normalised_swish(channels: int, pixels: int) -> Iterator[Part]:
    yield batch_norm(channels)
    # The normalised values, of which swish is differentiated, and its results, which the next layer reads.
    yield Part(operations=_SWISH * channels * pixels, kept=2 * channels * pixels)


def batch_norm(channels: int) -> Part:
    """Count a batch normalisation, which has two weights and two moving statistics a channel."""
    return Part(trainable=2 * channels, frozen=2 * channels)

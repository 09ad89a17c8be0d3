"""The architecture of EvoPose2D as data: what a genotype builds at an input shape. No Keras, no TensorFlow.

The builder, the size count, weight inheritance and the judgement whether two genotypes build the same network
all read this one description.

Source: McNally et al., "EvoPose2D" (arXiv 2011.08446), section 3; compound scaling and the mobile inverted
bottleneck with squeeze-excitation follow Tan and Le, "EfficientNet" (arXiv 1905.11946).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evopose2d.errors import ConfigError

BASE_SIZE = 224
"""Mean side in pixels of the input for which a genotype stands unscaled."""

STEM_CHANNELS = 32
"""Of the unscaled stem."""

_RESOLUTION_GROWTH = 1.15
_DEPTH_GROWTH = 1.2
_WIDTH_GROWTH = 1.1
_CHANNEL_UNIT = 8
_STEM_STRIDE = 2
_HEAD_STRIDE = 2
_SQUEEZE = 4
_EXPANSION = 6
# Largest drop-connect rate of a network, by mean input side in pixels: (side up to, rate).
_DROP_CONNECT = ((240.0, 0.2), (300.0, 0.3), (456.0, 0.4), (math.inf, 0.5))


@dataclass(frozen=True)
class BlockSpec:
    """One mobile inverted bottleneck: expand, depthwise convolution, squeeze and excite, project.

    Attributes:
        name: prefix of its layers' names: block number from 1, repeat from ``a`` (``block2a``).
        kernel: side of the depthwise kernel in pixels.
        in_channels: channels that it receives.
        out_channels: channels that it gives.
        stride: of the depthwise convolution.
        expansion: factor from ``in_channels`` to the channels of the depthwise convolution; 1: no expansion.
        squeeze_channels: channels of the squeeze-excitation bottleneck.
        drop_connect: probability, per sample in training, that the block is skipped.
        has_skip: whether its input is added to its output.
    """

    name: str
    kernel: int
    in_channels: int
    out_channels: int
    stride: int
    expansion: int
    squeeze_channels: int
    drop_connect: float
    has_skip: bool

    @property
    def expanded_channels(self) -> int:
        """Channels of the depthwise convolution."""
        return self.in_channels * self.expansion


@dataclass(frozen=True)
class HeadSpec:
    """One transposed 3x3 convolution of stride 2 with batch normalisation and swish.

    Attributes:
        name: prefix of its layers' names (``head_block1``).
        in_channels: channels that it receives.
        out_channels: channels that it gives.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = _HEAD_STRIDE


@dataclass(frozen=True)
class NetworkSpec:
    """A whole network.

    Attributes:
        input_shape: (H, W) in pixels.
        stem_channels: channels of the 3x3 stride-2 convolution at the start.
        blocks: the bottlenecks in order, every repeat on its own.
        head: the transposed convolutions in order.
        final_kernel: side of the last convolution's kernel.
        keypoints: K, channels of the heatmaps.
    """

    input_shape: tuple[int, int]
    stem_channels: int
    blocks: tuple[BlockSpec, ...]
    head: tuple[HeadSpec, ...]
    final_kernel: int
    keypoints: int
    stem_kernel: int = 3
    stem_stride: int = _STEM_STRIDE

    @property
    def backbone_stride(self) -> int:
        """Input pixels for one pixel of the last block's output."""
        return self.stem_stride * math.prod(block.stride for block in self.blocks)

    @property
    def stride(self) -> float:
        """Input pixels for one heatmap pixel, H / h."""
        return self.backbone_stride / math.prod(block.stride for block in self.head)

    @property
    def heatmap_shape(self) -> tuple[int, int]:
        """(h, w) in heatmap pixels."""
        height, width = self.input_shape
        return round(height / self.stride), round(width / self.stride)

    @property
    def final_channels(self) -> int:
        """Channels that the last convolution receives."""
        return self.head[-1].out_channels if self.head else self.blocks[-1].out_channels

    @property
    def phenotype(self) -> tuple[tuple[int, ...], ...]:
        """What tells networks apart: equal exactly where two configurations build the same network.

        Names are left out, since two genotypes can divide the same row of bottlenecks differently among their
        seven blocks. So is the input shape: it changes the work of a network, not the network.
        """
        blocks = tuple(
            (
                block.kernel,
                block.in_channels,
                block.out_channels,
                block.stride,
                block.expansion,
                block.squeeze_channels,
            )
            for block in self.blocks
        )
        head = tuple((block.kernel, block.in_channels, block.out_channels, block.stride) for block in self.head)
        stem = (self.stem_kernel, self.stem_channels, self.stem_stride)
        return (stem, *blocks, *head, (self.final_kernel, self.final_channels, self.keypoints))


def network_spec(
    genotype: Sequence[Sequence[int]],
    input_shape: tuple[int, int],
    *,
    compound_scaling: bool,
    head_blocks: int,
    head_channels: int,
    final_kernel: int,
    keypoints: int,
) -> NetworkSpec:
    """Describe the network that a genotype builds.

    Args:
        genotype: seven blocks of kernel, repeats, channels / 8 and stride; must be valid. A block may have two more
            genes: its expansion (else 1 of the first block, 6 of the others), and by how much squeeze-excitation
            divides its input's channels (else 4).
        input_shape: (H, W) in pixels.
        compound_scaling: scale depth and width with the input shape.
        head_blocks: transposed convolutions that double the resolution.
        head_channels: channels of each of them, before scaling.
        final_kernel: kernel side of the last convolution.
        keypoints: K, channels of the heatmaps.

    Raises:
        ConfigError: the input shape is no multiple of the genotype's stride.
    """
    height, width = input_shape
    size = (height + width) / 2 if compound_scaling else BASE_SIZE
    stem_channels = scaled_width(STEM_CHANNELS, size)
    blocks = tuple(_blocks(genotype, stem_channels, size))
    spec = NetworkSpec(
        input_shape=(height, width),
        stem_channels=stem_channels,
        blocks=blocks,
        head=tuple(_head(head_blocks, blocks[-1].out_channels, scaled_width(head_channels, size))),
        final_kernel=final_kernel,
        keypoints=keypoints,
    )
    if height % spec.backbone_stride or width % spec.backbone_stride:
        raise ConfigError(
            f"model.input_shape: got [{height}, {width}], must be multiples of {spec.backbone_stride}, "
            f"the stride of model.genotype"
        )
    return spec


def scaled_depth(repeats: int, size: float) -> int:
    """Scale a block's repeats: EfficientNet's 1.2 ** phi, rounded up.

    Args:
        repeats: at the base size.
        size: mean side of the input in pixels; phi = ln(size / 224) / ln 1.15.
    """
    return math.ceil(_DEPTH_GROWTH ** _phi(size) * repeats)


def scaled_width(channels: int, size: float) -> int:
    """Scale a number of channels: EfficientNet's 1.1 ** phi, to multiples of 8 and never under 90 % of it.

    Args:
        channels: at the base size.
        size: mean side of the input in pixels; phi = ln(size / 224) / ln 1.15.
    """
    exact = _WIDTH_GROWTH ** _phi(size) * channels
    rounded = max(_CHANNEL_UNIT, int(exact + _CHANNEL_UNIT / 2) // _CHANNEL_UNIT * _CHANNEL_UNIT)
    return rounded + _CHANNEL_UNIT if rounded < 0.9 * exact else rounded


def drop_connect_rate(size: float) -> float:
    """Return the drop-connect rate toward which a network's blocks grow, for a mean input side in pixels."""
    return next(rate for limit, rate in _DROP_CONNECT if size <= limit)


def _phi(size: float) -> float:
    return math.log(size / BASE_SIZE) / math.log(_RESOLUTION_GROWTH)


def _blocks(genotype: Sequence[Sequence[int]], channels: int, size: float) -> Iterator[BlockSpec]:
    depths = [scaled_depth(repeats, size) for _, repeats, *_ in genotype]
    rate_per_block = drop_connect_rate(size) / sum(depths)
    index = 0
    for number, (kernel, _, eighths, stride, *others) in enumerate(genotype):
        expansion, squeeze = others or (1 if number == 0 else _EXPANSION, _SQUEEZE)
        out_channels = scaled_width(eighths * _CHANNEL_UNIT, size)
        for repeat in range(depths[number]):
            block_stride = stride if repeat == 0 else 1
            yield BlockSpec(
                name=f"block{number + 1}{chr(ord('a') + repeat)}",
                kernel=kernel,
                in_channels=channels,
                out_channels=out_channels,
                stride=block_stride,
                expansion=expansion,
                squeeze_channels=max(1, channels // squeeze),
                drop_connect=rate_per_block * index,
                has_skip=block_stride == 1 and channels == out_channels,
            )
            channels = out_channels
            index += 1


def _head(count: int, channels: int, width: int) -> Iterator[HeadSpec]:
    for number in range(1, count + 1):
        yield HeadSpec(name=f"head_block{number}", in_channels=channels, out_channels=width)
        channels = width

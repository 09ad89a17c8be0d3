"""The parts of an EvoPose2D network between which one tensor goes on: stem, bottlenecks, head, heatmaps.

What a part computes follows from its own sizes and those of what it reads, so that networks of a search share most of
theirs. No Keras, no TensorFlow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evopose2d.networks.families.evopose2d import bottleneck, head_block, stem
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.scaling import BlockSpec, HeadSpec, NetworkSpec

STEM, BLOCK, HEAD, HEATMAPS, CUT = "stem", "block", "head", "heatmaps", "cut"
_COLOURS = 3


@dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
        kind: ``stem``, ``block``, ``head``, ``heatmaps``, or ``cut``, which gives what it reads.
        height: of what it reads, in pixels.
        width: of what it reads, in pixels.
        inputs: channels that it reads.
        outputs: channels that it gives.
        kernel: side of its kernel in pixels; of a block's depthwise kernel.
        stride: of the convolution with this kernel; of the head's, pixels that it gives for one that it reads.
        expansion: of a block.
        squeeze: channels of a block's squeeze-excitation bottleneck.
    """

    kind: str
    height: int
    width: int
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    expansion: int = 1
    squeeze: int = 0

    @property
    def cut(self) -> "Part":
        """What reads the same, and gives it as it is."""
        return Part(CUT, self.height, self.width, self.inputs, self.inputs)


def parts_of(spec: NetworkSpec) -> Iterator[Part]:
    """Cut a network into its parts, first to last."""
    height, width = spec.input_shape
    yield Part(STEM, height, width, _COLOURS, spec.stem_channels, spec.stem_kernel, spec.stem_stride)
    height, width = height // spec.stem_stride, width // spec.stem_stride
    for block in spec.blocks:
        channels = (block.in_channels, block.out_channels)
        others = (block.expansion, block.squeeze_channels)
        yield Part(BLOCK, height, width, *channels, block.kernel, block.stride, *others)
        height, width = height // block.stride, width // block.stride
    for head in spec.head:
        yield Part(HEAD, height, width, head.in_channels, head.out_channels, head.kernel, head.stride)
        height, width = height * head.stride, width * head.stride
    yield Part(HEATMAPS, height, width, spec.final_channels, spec.keypoints, spec.final_kernel)


def apply_part(operations: Operations[Features], features: Features, part: Part) -> Features:
    """Apply a part as it is in a whole network.

    Args:
        operations: what to do at each layer.
        features: (B, height, width, inputs); of the stem, normalised images.
        part: what to apply.

    Returns:
        (B, h, w, outputs) features.
    """
    if part.kind == STEM:
        return stem(operations, features, part.outputs, part.kernel, part.stride)
    if part.kind == BLOCK:
        return bottleneck(operations, features, _block(part))
    if part.kind == HEAD:
        head = HeadSpec("part", part.inputs, part.outputs, part.kernel, part.stride)
        return head_block(operations, features, head)
    if part.kind == HEATMAPS:
        return operations.heatmaps(features, "final_conv", part.outputs, part.kernel)
    return features


def _block(part: Part) -> BlockSpec:
    return BlockSpec(
        name="part",
        kernel=part.kernel,
        in_channels=part.inputs,
        out_channels=part.outputs,
        stride=part.stride,
        expansion=part.expansion,
        squeeze_channels=part.squeeze,
        drop_connect=0.0,  # a prediction drops nothing
        has_skip=part.stride == 1 and part.inputs == part.outputs,
    )

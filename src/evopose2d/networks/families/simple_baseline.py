"""SimpleBaseline: a residual network, then transposed convolutions to heatmaps.

Source: Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking" (arXiv 1804.06208), with the
residual network of He et al. (arXiv 1512.03385). Layers have the names, biases and epsilons of Keras's ResNet
and of the original project, so that files of both load by layer name.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.networks.architecture import Architecture, ImageNetWeights, ModelConfig, Output
from evopose2d.networks.families.resnet import (
    WIDTH,
    resnet_imagenet_weights,
    resnet_stage,
    resnet_stem,
    resnet_variant,
)
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import Count, Positive, one_of

_VARIANTS = ("resnet50", "resnet101", "resnet152")
_HEAD_KERNEL = 4


@dataclass(frozen=True)
class SimpleBaselineConfig(ModelConfig):
    """Section ``model`` of SimpleBaseline.

    Attributes:
        variant: the residual network.
        head_blocks: transposed convolutions that double the resolution.
        head_channels: channels of each of them.
    """

    variant: Annotated[str, one_of(*_VARIANTS)]
    head_blocks: Annotated[Count, Field(le=5)]
    head_channels: Positive


class SimpleBaseline(Architecture[SimpleBaselineConfig]):
    """The family of ResNet-50, 101 and 152 with transposed convolutions."""

    config = SimpleBaselineConfig

    def outputs(
        self, operations: Operations[Features], images: Features, model: SimpleBaselineConfig, keypoints: int
    ) -> tuple[Output[Features]]:
        """Apply the variant."""
        heatmaps = simple_baseline(
            operations,
            images,
            variant=model.variant,
            head_blocks=model.head_blocks,
            head_channels=model.head_channels,
            final_kernel=model.final_kernel,
            keypoints=keypoints,
        )
        return (Output(heatmaps),)

    def imagenet_weights(self, model: SimpleBaselineConfig) -> ImageNetWeights | None:
        """Return the variant's, whose layers have the same names."""
        return resnet_imagenet_weights(model.variant)

    def infer(self, file: WeightFile) -> SimpleBaselineConfig | None:
        """Return the variant by its number of blocks."""
        if "conv1_conv" not in file.shapes or "up1_skip_conv" in file.shapes or file.kernel("conv1_conv")[2] != 3:
            return None
        variant = resnet_variant(file, _VARIANTS)
        head_blocks, channels = file.head("head_conv{}")
        return SimpleBaselineConfig(
            architecture="simple_baseline",
            input_shape=list(file.input_shape),
            final_kernel=file.final_kernel,
            variant=variant,
            head_blocks=head_blocks,
            head_channels=channels or 256,
        )


def simple_baseline(
    operations: Operations[Features],
    images: Features,
    *,
    variant: str,
    head_blocks: int,
    head_channels: int,
    final_kernel: int,
    keypoints: int,
    width: int = WIDTH,
) -> Features:
    """Go from normalised images to heatmaps.

    Args:
        operations: build or count the layers.
        images: (B, H, W, 3 or more).
        variant: of the residual network.
        head_blocks: transposed convolutions that double the resolution (published: 3).
        head_channels: channels of each of them (published: 256).
        final_kernel: kernel side of the last convolution.
        keypoints: K.
        width: channels of the first residual blocks (published: 64).

    Returns:
        (B, h, w, K) heatmaps; with three head blocks, h = H / 4.
    """
    features = resnet_stem(operations, images, width)
    for number in range(4):
        features = resnet_stage(operations, features, variant, number, width=width)
    for number in range(1, head_blocks + 1):
        features = operations.transposed_convolution(features, f"head_conv{number}", head_channels, _HEAD_KERNEL, 2)
        features = operations.batch_norm(features, f"head_bn{number}")
        features = operations.relu(features, f"head_act{number}")
    return operations.heatmaps(features, "final_conv", keypoints, final_kernel)

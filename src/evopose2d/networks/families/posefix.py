"""PoseFix: SimpleBaseline that sees a pose beside the image and gives a better one.

Source: Moon et al., "PoseFix: Model-agnostic General Human Pose Refinement Network" (arXiv 1812.03595), after the
authors' code: the pose is drawn as large as the crop and joined to the image's colours. Training here is that of all
other networks, by Gaussian targets; theirs is by the cross-entropy of one pixel and by expected coordinates.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.networks.architecture import Architecture, ImageNetWeights, ModelConfig, Output, PoseInput
from evopose2d.networks.families.resnet import WIDTH, resnet_imagenet_weights, resnet_variant
from evopose2d.networks.families.simple_baseline import simple_baseline
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import Amount, Count, Positive, PositiveAmount, one_of

_VARIANTS = ("resnet18", "resnet50", "resnet101", "resnet152")
_LOW, _HIGH = (256, 7.0), (384, 9.0)  # the authors' deviations of the drawn pose, by the crop's height
_HEAD_CHANNELS = 256


@dataclass(frozen=True)
class PoseFixConfig(ModelConfig):
    """Section ``model`` of PoseFix.

    Attributes:
        variant: the residual network.
        width: channels of its first blocks (published: 64).
        head_blocks: transposed convolutions that double the resolution.
        head_channels: channels of each of them.
        pose_sigma: standard deviation in crop pixels of the Gaussians as which the given pose is drawn.
        pose_errors: how much more often than in the paper keypoints are wrong in the poses of training: 1 for results
            about as good as the paper's were, more for weaker ones; 0: never.
    """

    variant: Annotated[str, one_of(*_VARIANTS)]
    width: Annotated[Positive, Field(ge=4)]
    head_blocks: Annotated[Count, Field(le=5)]
    head_channels: Positive
    pose_sigma: PositiveAmount
    pose_errors: Annotated[Amount, Field(le=5)]


class PoseFix(Architecture[PoseFixConfig]):
    """The family of refining networks on ResNet-18, 50, 101 and 152."""

    config = PoseFixConfig

    def pose_input(self, model: PoseFixConfig) -> PoseInput:
        """Return how a pose is drawn, and what is wrong with those of training."""
        return PoseInput(model.pose_sigma, model.pose_errors)

    def outputs(
        self, operations: Operations[Features], images: Features, model: PoseFixConfig, keypoints: int
    ) -> tuple[Output[Features]]:
        """Apply the variant to images with their pose."""
        heatmaps = simple_baseline(
            operations,
            images,
            variant=model.variant,
            width=model.width,
            head_blocks=model.head_blocks,
            head_channels=model.head_channels,
            final_kernel=model.final_kernel,
            keypoints=keypoints,
        )
        return (Output(heatmaps),)

    def imagenet_weights(self, model: PoseFixConfig) -> ImageNetWeights | None:
        """Return the variant's; the kernels of the pose stay random."""
        return resnet_imagenet_weights(model.variant) if model.width == WIDTH else None

    def infer(self, file: WeightFile) -> PoseFixConfig | None:
        """Return the variant by its number of blocks; the pose is drawn as the authors do at this height."""
        if "conv1_conv" not in file.shapes or file.kernel("conv1_conv")[2] == 3:
            return None
        head_blocks, channels = file.head("head_conv{}")
        return PoseFixConfig(
            architecture="posefix",
            input_shape=list(file.input_shape),
            final_kernel=file.final_kernel,
            variant=resnet_variant(file, _VARIANTS),
            width=file.channels("conv1_conv"),
            head_blocks=head_blocks,
            head_channels=channels or _HEAD_CHANNELS,
            pose_sigma=_sigma(file.input_shape[0]),
            pose_errors=1.0,
        )


def _sigma(height: int) -> float:
    """Return the authors' deviation for a crop's height, in proportion between and beyond their two."""
    (low, narrow), (high, wide) = _LOW, _HIGH
    if height <= low:
        return narrow * height / low
    return narrow + (wide - narrow) * (height - low) / (high - low)

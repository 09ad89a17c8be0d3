"""MSPN: residual networks with upsampling paths one after the other, each supervised at four scales.

Source: Li et al., "Rethinking on Multi-Stage Networks for Human Pose Estimation" (arXiv 1901.00148), after the
authors' code. Heatmaps end in a convolution with bias, where theirs normalises after it, and are interpolated with
pixels' centres, not corners, aligned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.networks.architecture import Architecture, ImageNetWeights, ModelConfig, Output
from evopose2d.networks.families.resnet import (
    EPSILON,
    resnet_imagenet_weights,
    resnet_stage,
    resnet_stem,
    resnet_variant,
)
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import Positive, one_of

_VARIANTS = ("resnet18", "resnet50")
_SCALES = 4
_PASSED_ON = 64  # channels from one stage to the next
# Deviations in heatmap pixels of the Gaussians that cv2 makes of the authors' kernels, 15, 11, 9, 7 and 5 wide: the
# smaller the scale, the wider, and one step narrower in the last stage.
_DEVIATIONS = (2.6, 2.0, 1.7, 1.4, 1.1)
_COARSE_WEIGHT = 0.25
_HARDEST = 8


@dataclass(frozen=True)
class MSPNConfig(ModelConfig):
    """Section ``model`` of MSPN.

    Attributes:
        variant: the residual network of each stage.
        stages: how many.
        head_channels: channels of the upsampling paths.
    """

    variant: Annotated[str, one_of(*_VARIANTS)]
    stages: Annotated[Positive, Field(le=4)]
    head_channels: Positive


class MSPN(Architecture[MSPNConfig]):
    """The family of one to four stages."""

    config = MSPNConfig

    def outputs(
        self, operations: Operations[Features], images: Features, model: MSPNConfig, keypoints: int
    ) -> list[Output[Features]]:
        """Apply the stages, whose heatmaps are supervised from coarse to fine."""
        features = resnet_stem(operations, images)
        outputs: list[Output[Features]] = []
        added: list[list[Features]] = [[] for _ in range(_SCALES)]
        for stage in range(1, model.stages + 1):
            prefix, last = _prefix(stage), stage == model.stages
            down = _downsampled(operations, features, model.variant, prefix, added)
            up = _upsampled(operations, down, model.head_channels, prefix)
            heatmaps = [
                _heatmaps(operations, scale, keypoints, model.final_kernel, f"{prefix}up{number}", number)
                for number, scale in zip(range(_SCALES, 1, -1), up[:-1], strict=True)
            ]
            name = "final" if last else f"{prefix}up1"
            heatmaps.append(_heatmaps(operations, up[-1], keypoints, model.final_kernel, name, 1))
            outputs.extend(_supervised(heatmaps, last=last))
            if not last:
                added = _passed_on(operations, down, up[::-1], prefix)
                features = _convolve(operations, up[-1], f"{prefix}cross", _PASSED_ON)
        return outputs

    def imagenet_weights(self, model: MSPNConfig) -> ImageNetWeights | None:
        """Return the variant's, for every stage, where Keras publishes them.

        Keras strides in a bottleneck's first convolution, MSPN in its second: a good start, not the same function.
        """
        return resnet_imagenet_weights(model.variant, tuple(_prefix(stage) for stage in range(2, model.stages + 1)))

    def infer(self, file: WeightFile) -> MSPNConfig | None:
        """Return variant, stages and channels."""
        if "up1_skip_conv" not in file.shapes:
            return None
        return MSPNConfig(
            architecture="mspn",
            input_shape=list(file.input_shape),
            final_kernel=file.final_kernel,
            variant=resnet_variant(file, _VARIANTS),
            stages=file.count(r"(s\d_)?up1_skip_conv"),
            head_channels=file.channels("up1_skip_conv"),
        )


def _prefix(stage: int) -> str:
    return "" if stage == 1 else f"s{stage}_"


def _downsampled(
    operations: Operations[Features],
    features: Features,
    variant: str,
    prefix: str,
    added: Sequence[Sequence[Features]],
) -> list[Features]:
    """Return features at four scales, fine to coarse, with what the stage before adds to each."""
    down = []
    for number in range(_SCALES):
        features = resnet_stage(operations, features, variant, number, prefix=prefix, stride_first=False)
        if added[number]:
            features = operations.add([features, *added[number]], f"{prefix}sum{number + 1}")
        down.append(features)
    return down


def _upsampled(
    operations: Operations[Features], down: Sequence[Features], channels: int, prefix: str
) -> list[Features]:
    """Return features at four scales, coarse to fine, each of its own scale and the coarser one."""
    up: list[Features] = []
    for number in range(_SCALES, 0, -1):
        name = f"{prefix}up{number}"
        features = _convolve(operations, down[number - 1], f"{name}_skip", channels, activated=False)
        if up:
            coarser = operations.upsample(up[-1], f"{name}_double", 2)
            coarser = _convolve(operations, coarser, f"{name}_up", channels, activated=False)
            features = operations.add([features, coarser], f"{name}_add")
        up.append(operations.relu(features, f"{name}_relu"))
    return up


def _heatmaps(
    operations: Operations[Features], features: Features, keypoints: int, kernel: int, name: str, number: int
) -> Features:
    """Return heatmaps at the finest scale; ``number`` counts scales from 1, the finest."""
    features = _convolve(operations, features, f"{name}_res", operations.channels(features))
    heatmaps = operations.heatmaps(features, f"{name}_conv", keypoints, kernel)
    return heatmaps if number == 1 else operations.upsample(heatmaps, f"{name}_resized", 2 ** (number - 1))


def _passed_on(
    operations: Operations[Features], down: Sequence[Features], up: Sequence[Features], prefix: str
) -> list[list[Features]]:
    """Return what the next stage adds at each scale, fine to coarse (cross-stage feature aggregation)."""
    passed_on = []
    for number, (fallen, risen) in enumerate(zip(down, up, strict=True), start=1):
        channels = operations.channels(fallen)
        passed_on.append(
            [
                _convolve(operations, features, f"{prefix}{name}{number}", channels)
                for name, features in (("down_skip", fallen), ("up_skip", risen))
            ]
        )
    return passed_on


def _supervised(heatmaps: Sequence[Features], *, last: bool) -> Iterator[Output[Features]]:
    """Yield the outputs of a stage: of the finest scale only the hardest keypoints count, and four times as much."""
    deviations = _DEVIATIONS[1:] if last else _DEVIATIONS[:-1]
    for scale, (each, deviation) in enumerate(zip(heatmaps, deviations, strict=True), start=1):
        finest = scale == _SCALES
        yield Output(
            each,
            weight=1.0 if finest else _COARSE_WEIGHT,
            sigma=deviation / _DEVIATIONS[-1],
            hardest=_HARDEST if finest else 0,
        )


def _convolve(
    operations: Operations[Features], features: Features, name: str, channels: int, *, activated: bool = True
) -> Features:
    """Apply a 1x1 convolution and normalise, then take the positive part if ``activated``."""
    features = operations.convolution(features, f"{name}_conv", channels)
    features = operations.batch_norm(features, f"{name}_bn", EPSILON)
    return operations.relu(features, f"{name}_relu") if activated else features

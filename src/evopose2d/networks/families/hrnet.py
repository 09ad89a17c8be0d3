"""HRNet: branches of several resolutions side by side that are fused again and again.

Source: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation" (arXiv 1902.09212).
As in the original project, a branch of lower resolution is brought up by a strided 1x1 transposed convolution,
which fills the pixels between with zeros, where Sun et al. repeat the nearest pixel: the weights are the same,
the function is not. Layers have the original project's names with ``_`` for ``/``, which Keras 3 does not allow.
"""

from dataclasses import dataclass
from typing import Annotated

from evopose2d.networks.architecture import Architecture, ModelConfig, Output
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import one_of

_WIDTHS = {"w32": 32, "w48": 48}
_MODULES = (1, 1, 4, 3)  # of each stage
_BLOCKS = 4  # of each branch of a module
_STEM = 64
_BOTTLENECK_EXPANSION = 4


@dataclass(frozen=True)
class HRNetConfig(ModelConfig):
    """Section ``model`` of HRNet.

    Attributes:
        variant: channels of the branch of highest resolution.
    """

    variant: Annotated[str, one_of(*_WIDTHS)]


class HRNet(Architecture[HRNetConfig]):
    """The family of HRNet-W32 and W48."""

    config = HRNetConfig

    def outputs(
        self, operations: Operations[Features], images: Features, model: HRNetConfig, keypoints: int
    ) -> tuple[Output[Features]]:
        """Apply the variant."""
        heatmaps = hrnet(
            operations, images, variant=model.variant, final_kernel=model.final_kernel, keypoints=keypoints
        )
        return (Output(heatmaps),)

    def infer(self, file: WeightFile) -> HRNetConfig | None:
        """Return the variant by the channels of its first branch."""
        if "s1_m0_b00_conv1" not in file.shapes:
            return None
        variant = f"w{file.channels('s2_transition_b1_conv')}"
        return HRNetConfig("hrnet", list(file.input_shape), file.final_kernel, variant)


def hrnet(
    operations: Operations[Features], images: Features, *, variant: str, final_kernel: int, keypoints: int
) -> Features:
    """Go from normalised images to heatmaps.

    Args:
        operations: build or count the layers.
        images: (B, H, W, 3), H and W multiples of 32.
        variant: ``w32`` or ``w48``, channels of the branch of highest resolution.
        final_kernel: kernel side of the last convolution.
        keypoints: K.

    Returns:
        (B, H / 4, W / 4, K) heatmaps.
    """
    features = images
    for number in (1, 2):
        features = _convolve(operations, features, f"conv{number}", f"bn{number}", _STEM, 3, 2)
        features = operations.relu(features, f"relu{number}")
    for repeat in range(_BLOCKS):
        features = _bottleneck(operations, features, f"s1_m0_b0{repeat}")
    branches = [features]
    for stage in (2, 3, 4):
        channels = [_WIDTHS[variant] << branch for branch in range(stage)]
        branches = _transition(operations, branches, channels, f"s{stage}_transition")
        for module in range(_MODULES[stage - 1]):
            last = stage == 4 and module == _MODULES[3] - 1
            branches = _module(operations, branches, f"s{stage}_m{module}", 1 if last else stage)
    return operations.heatmaps(branches[0], "final_conv", keypoints, final_kernel)


def _transition(
    operations: Operations[Features], branches: list[Features], channels: list[int], name: str
) -> list[Features]:
    """Bring the branches to their channels and add one of half the lowest resolution."""
    result = []
    for number, width in enumerate(channels):
        exists = number < len(branches)
        features = branches[number] if exists else branches[-1]
        if not exists or operations.channels(features) != width:
            prefix = f"{name}_b{number + 1}"
            stride = 1 if exists else 2
            features = _convolve(operations, features, f"{prefix}_conv", f"{prefix}_bn", width, 3, stride)
            features = operations.relu(features, f"{prefix}_relu")
        result.append(features)
    return result


def _module(operations: Operations[Features], branches: list[Features], name: str, outputs: int) -> list[Features]:
    """Apply the blocks of each branch, then fuse them into the first ``outputs`` branches."""
    branches = list(branches)
    for number in range(len(branches)):
        for repeat in range(_BLOCKS):
            branches[number] = _basic_block(operations, branches[number], f"{name}_b{number}{repeat}")
    return [_fused(operations, branches, target, f"{name}_fusion") for target in range(outputs)]


def _fused(operations: Operations[Features], branches: list[Features], target: int, name: str) -> Features:
    channels = [operations.channels(features) for features in branches]
    fused = []
    for source, features in enumerate(branches):
        prefix = f"{name}_b{target}{source}"
        if source > target:
            stride = 2 ** (source - target)
            features = operations.transposed_convolution(features, f"{prefix}_conv", channels[target], 1, stride)
            features = operations.batch_norm(features, f"{prefix}_bn")
        for step in range(target - source):
            last = step == target - source - 1
            width = channels[target if last else source]
            features = _convolve(operations, features, f"{prefix}_conv{step}", f"{prefix}_bn{step}", width, 3, 2)
            features = features if last else operations.relu(features, f"{prefix}_relu{step}")
        fused.append(features)
    return operations.relu(operations.add(fused, f"{name}_b{target}_add"), f"{name}_b{target}_relu")


def _basic_block(operations: Operations[Features], features: Features, name: str) -> Features:
    channels, skipped = operations.channels(features), features
    features = _convolve(operations, features, f"{name}_conv1", f"{name}_bn1", channels, 3)
    features = operations.relu(features, f"{name}_relu1")
    features = _convolve(operations, features, f"{name}_conv2", f"{name}_bn2", channels, 3)
    return operations.relu(operations.add([features, skipped], f"{name}_add"), f"{name}_relu2")


def _bottleneck(operations: Operations[Features], features: Features, name: str) -> Features:
    wide, skipped = _STEM * _BOTTLENECK_EXPANSION, features
    if operations.channels(features) != wide:
        skipped = _convolve(operations, features, f"{name}_skip_conv", f"{name}_skip_bn", wide, 1)
    features = operations.relu(
        _convolve(operations, features, f"{name}_conv1", f"{name}_bn1", _STEM, 1), f"{name}_relu1"
    )
    features = operations.relu(
        _convolve(operations, features, f"{name}_conv2", f"{name}_bn2", _STEM, 3), f"{name}_relu2"
    )
    features = _convolve(operations, features, f"{name}_conv3", f"{name}_bn3", wide, 1)
    return operations.relu(operations.add([features, skipped], f"{name}_add"), f"{name}_relu3")


def _convolve(
    operations: Operations[Features],
    features: Features,
    name: str,
    norm_name: str,
    channels: int,
    kernel: int,
    stride: int = 1,
) -> Features:
    features = operations.convolution(features, name, channels, kernel, stride)
    return operations.batch_norm(features, norm_name)

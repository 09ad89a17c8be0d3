"""The network that a configuration names, whatever its architecture: as operations, and counted without Keras."""

from dataclasses import dataclass

from evopose2d.config.schema import ModelConfig
from evopose2d.networks.evopose2d import evopose2d
from evopose2d.networks.hrnet import hrnet
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.recording import NetworkSize, RecordingOperations
from evopose2d.networks.scaling import describe
from evopose2d.networks.simple_baseline import simple_baseline


@dataclass(frozen=True)
class NetworkSummary:
    """What a network takes and gives, and how large it is.

    Attributes:
        input_shape: (H, W, 3).
        output_shape: (h, w, K).
        size: parameters and multiply-adds.
    """

    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    size: NetworkSize


def apply_network(operations: Operations[Features], images: Features, model: ModelConfig, keypoints: int) -> Features:
    """Go from normalised images (B, H, W, 3) to heatmaps (B, h, w, K) of any architecture.

    Args:
        operations: build or count the layers.
        images: normalised.
        model: checked section ``model``.
        keypoints: K.
    """
    if model.architecture == "evopose2d":
        return evopose2d(operations, images, describe(model, keypoints))
    assert model.variant is not None and model.final_kernel is not None
    if model.architecture == "hrnet":
        return hrnet(operations, images, variant=model.variant, final_kernel=model.final_kernel, keypoints=keypoints)
    assert model.head_blocks is not None and model.head_channels is not None
    return simple_baseline(
        operations,
        images,
        variant=model.variant,
        head_blocks=model.head_blocks,
        head_channels=model.head_channels,
        final_kernel=model.final_kernel,
        keypoints=keypoints,
    )


def summarise(model: ModelConfig, keypoints: int) -> NetworkSummary:
    """Count the network that a configuration names, without building it.

    Args:
        model: checked section ``model``.
        keypoints: K, channels of the heatmaps.

    Raises:
        ConfigError: the input shape does not fit the genotype.
    """
    height, width = model.input_shape
    operations = RecordingOperations()
    heatmaps = apply_network(operations, operations.images(height, width), model, keypoints)
    output_shape = (heatmaps.height, heatmaps.width, heatmaps.channels)
    return NetworkSummary((height, width, 3), output_shape, operations.recording().size)

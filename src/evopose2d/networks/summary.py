"""The size of the network that a configuration names, without Keras."""

from dataclasses import dataclass

from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import architecture_of
from evopose2d.networks.size import NetworkSize


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


def summarise(model: ModelConfig, keypoints: int) -> NetworkSummary:
    """Count the network that a configuration names, without building it.

    Args:
        model: checked section ``model``.
        keypoints: K, channels of the heatmaps.

    Raises:
        ConfigError: the input shape does not fit the genotype.
    """
    height, width = model.input_shape
    recording, outputs = architecture_of(model).recorded(model, keypoints)
    heatmaps = outputs[-1].heatmaps
    output_shape = (heatmaps.height, heatmaps.width, heatmaps.channels)
    return NetworkSummary((height, width, 3), output_shape, recording.size)

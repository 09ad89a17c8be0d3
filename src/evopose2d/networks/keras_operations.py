"""The operations of ``operations`` as Keras layers."""

from collections.abc import Sequence
from typing import Any

import keras

from evopose2d.networks.layers import LayerFactory

Tensor = Any  # a symbolic tensor of any backend


class KerasOperations:
    """Operations on symbolic tensors that build layers.

    Args:
        layers: makes those that have weights.
    """

    def __init__(self, layers: LayerFactory) -> None:
        self._layers = layers

    def channels(self, features: Tensor) -> int:
        """Return C."""
        return int(features.shape[-1])

    def pad(self, features: Tensor, name: str, pixels: int) -> Tensor:
        """Surround with ``pixels`` zeros on each side."""
        return keras.layers.ZeroPadding2D(pixels, name=name)(features)

    def convolution(
        self,
        features: Tensor,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: str = "same",
        use_bias: bool = False,
        activation: str | None = None,
    ) -> Tensor:
        """Convolve to ``channels``, as ``Operations`` says."""
        layer = self._layers.convolution(name, channels, kernel, stride, activation, padding=padding, use_bias=use_bias)
        return layer(features)

    def depthwise_convolution(self, features: Tensor, name: str, kernel: int, stride: int) -> Tensor:
        """Convolve each channel by a kernel of its own; ``kernel`` side and ``stride`` in pixels."""
        return self._layers.depthwise_convolution(name, kernel, stride)(features)

    def transposed_convolution(self, features: Tensor, name: str, channels: int, kernel: int, stride: int) -> Tensor:
        """Make ``stride`` times as many pixels a side by a transposed convolution to ``channels``."""
        return self._layers.transposed_convolution(name, channels, kernel, stride)(features)

    def excited_convolution(self, features: Tensor, weights: Tensor, name: str, channels: int) -> Tensor:
        """Multiply each channel by its weight (B, 1, 1, C), then convolve by a 1x1 kernel to ``channels``."""
        return self._layers.excited_convolution(name, channels)([features, weights])

    def batch_norm(self, features: Tensor, name: str, epsilon: float = 1e-3) -> Tensor:
        """Normalise each channel."""
        return self._layers.batch_norm(name, epsilon)(features)

    def normalised_swish(self, features: Tensor, name: str) -> Tensor:
        """Normalise each channel, then take x * sigmoid(x)."""
        return self._layers.normalised_swish(name)(features)

    def normalised_swish_with_mean(self, features: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Return ``normalised_swish`` and its mean (B, 1, 1, C) over all pixels."""
        result, mean = self._layers.normalised_swish(name, pooled=True)(features)
        return result, mean

    def relu(self, features: Tensor, name: str) -> Tensor:
        """Take the positive part."""
        return keras.layers.ReLU(name=name)(features)

    def max_pool(self, features: Tensor, name: str) -> Tensor:
        """Take the maximum of each 3x3 window, at stride 2, without padding."""
        return keras.layers.MaxPooling2D(3, strides=2, name=name)(features)

    def upsample(self, features: Tensor, name: str, factor: int) -> Tensor:
        """Make ``factor`` times as many pixels a side by bilinear interpolation, in the precision of the features."""
        return keras.layers.UpSampling2D(factor, interpolation="bilinear", dtype=features.dtype, name=name)(features)

    def drop_connect(self, features: Tensor, name: str, rate: float) -> Tensor:
        """Zero samples with probability ``rate`` in training, and scale up the rest."""
        return self._layers.drop_connect(name, rate)(features)

    def add(self, features: Sequence[Tensor], name: str) -> Tensor:
        """Add features of one shape."""
        return keras.layers.Add(name=name)(list(features))

    def heatmaps(self, features: Tensor, name: str, keypoints: int, kernel: int) -> Tensor:
        """Convolve with bias to float32 heatmaps, K ``keypoints`` of them."""
        return self._layers.heatmap_convolution(name, keypoints, kernel)(features)

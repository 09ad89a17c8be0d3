"""The operations that networks are described with, so that one description builds, counts and explains them.

A network is a function of operations and features. With ``KerasOperations`` the features are symbolic tensors and
layers are built; with ``RecordingOperations`` they are shapes, and every layer is noted without Keras or TensorFlow.
Weight inheritance runs the same function on distributions of features.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

Features = TypeVar("Features")


class Operations(Protocol[Features]):
    """The operations, each named as its layer; (B, h, w, C) features in and out."""

    def channels(self, features: Features) -> int:
        """Return C."""

    def pad(self, features: Features, name: str, pixels: int) -> Features:
        """Surround with ``pixels`` zeros on each side."""

    def convolution(
        self,
        features: Features,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: str = "same",
        use_bias: bool = False,
        activation: str | None = None,
    ) -> Features:
        """Convolve to ``channels``.

        Args:
            features: to convolve.
            name: of the layer.
            channels: of the result.
            kernel: side in pixels.
            stride: in pixels.
            padding: ``same`` or ``valid``.
            use_bias: add one value to each channel.
            activation: None, ``swish`` or ``sigmoid``, of the result.
        """

    def depthwise_convolution(self, features: Features, name: str, kernel: int, stride: int) -> Features:
        """Convolve each channel by a kernel of its own; ``kernel`` side and ``stride`` in pixels."""

    def transposed_convolution(
        self, features: Features, name: str, channels: int, kernel: int, stride: int
    ) -> Features:
        """Make ``stride`` times as many pixels a side by a transposed convolution to ``channels``."""

    def excited_convolution(self, features: Features, weights: Features, name: str, channels: int) -> Features:
        """Multiply each channel by its weight (B, 1, 1, C), then convolve by a 1x1 kernel to ``channels``."""

    def batch_norm(self, features: Features, name: str, epsilon: float = 1e-3) -> Features:
        """Normalise each channel."""

    def normalised_swish(self, features: Features, name: str) -> Features:
        """Normalise each channel, then take x * sigmoid(x)."""

    def normalised_swish_with_mean(self, features: Features, name: str) -> tuple[Features, Features]:
        """Return ``normalised_swish`` and its mean (B, 1, 1, C) over all pixels."""

    def relu(self, features: Features, name: str) -> Features:
        """Take the positive part."""

    def max_pool(self, features: Features, name: str) -> Features:
        """Take the maximum of each 3x3 window, at stride 2, without padding."""

    def upsample(self, features: Features, name: str, factor: int) -> Features:
        """Make ``factor`` times as many pixels a side by bilinear interpolation."""

    def drop_connect(self, features: Features, name: str, rate: float) -> Features:
        """Zero samples with probability ``rate`` in training, and scale up the rest."""

    def add(self, features: Sequence[Features], name: str) -> Features:
        """Add features of one shape; the first is what a skip connection, the last, is added to."""

    def heatmaps(self, features: Features, name: str, keypoints: int, kernel: int) -> Features:
        """Convolve with bias to float32 heatmaps, K ``keypoints`` of them."""

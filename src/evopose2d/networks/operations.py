"""What the networks besides EvoPose2D are made of, so that one description serves to build and to count them.

A network is a function of operations and features. With ``KerasOperations`` the features are symbolic tensors
and it builds layers; with ``CountingOperations`` they are shapes and it counts, without Keras or TensorFlow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from evopose2d.networks.counting import Part, batch_norm, bias, convolution, transposed_convolution

Features = TypeVar("Features")
_POOLED = 9  # operations that a 3x3 maximum counts


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
    ) -> Features:
        """Convolve to ``channels``; ``kernel`` side and ``stride`` in pixels, ``padding`` same or valid."""

    def transposed_convolution(
        self, features: Features, name: str, channels: int, kernel: int, stride: int
    ) -> Features:
        """Make ``stride`` times as many pixels a side by a transposed convolution to ``channels``."""

    def batch_norm(self, features: Features, name: str, epsilon: float = 1e-3) -> Features:
        """Normalise each channel."""

    def relu(self, features: Features, name: str) -> Features:
        """Take the positive part."""

    def max_pool(self, features: Features, name: str) -> Features:
        """Take the maximum of each 3x3 window, at stride 2, without padding."""

    def add(self, features: Sequence[Features], name: str) -> Features:
        """Add features of one shape."""

    def heatmaps(self, features: Features, name: str, keypoints: int, kernel: int) -> Features:
        """Convolve with bias to float32 heatmaps, K ``keypoints`` of them."""


@dataclass(frozen=True)
class Shape:
    """The shape of one image's features."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Pixels of one channel."""
        return self.height * self.width

    @property
    def elements(self) -> int:
        """Values in all."""
        return self.pixels * self.channels


class CountingOperations:
    """Operations on shapes that count, with the conventions of ``counting``.

    A maximum over 3x3 pixels counts nine operations, each addition one, taking the positive part none.

    Attributes:
        parts: what each operation so far adds to the network's size.
    """

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def channels(self, features: Shape) -> int:
        """Return C."""
        return features.channels

    def pad(self, features: Shape, name: str, pixels: int) -> Shape:
        """Surround with zeros."""
        return Shape(features.height + 2 * pixels, features.width + 2 * pixels, features.channels)

    def convolution(
        self,
        features: Shape,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: str = "same",
        use_bias: bool = False,
    ) -> Shape:
        """Count a convolution."""
        lost = kernel - 1 if padding == "valid" else 0
        height, width = (-(-(side - lost) // stride) for side in (features.height, features.width))
        result = Shape(height, width, channels)
        self.parts.append(convolution(kernel, features.channels, channels, result.pixels))
        if use_bias:
            self.parts.append(bias(channels, result.pixels))
        return result

    def transposed_convolution(self, features: Shape, name: str, channels: int, kernel: int, stride: int) -> Shape:
        """Count a transposed convolution, which multiplies each pixel that it reads with the kernel."""
        self.parts.append(transposed_convolution(kernel, features.channels, channels, features.pixels, stride))
        return Shape(features.height * stride, features.width * stride, channels)

    def batch_norm(self, features: Shape, name: str, epsilon: float = 1e-3) -> Shape:
        """Count a batch normalisation."""
        self.parts.append(batch_norm(features.channels))
        return features

    def relu(self, features: Shape, name: str) -> Shape:
        """Count no operation; what comes out is kept for the gradient, and what went in is not."""
        self.parts.append(Part(kept=features.elements))
        return features

    def max_pool(self, features: Shape, name: str) -> Shape:
        """Count nine operations for each element that it gives."""
        result = Shape((features.height - 1) // 2, (features.width - 1) // 2, features.channels)
        self.parts.append(Part(operations=_POOLED * result.elements, kept=result.elements))
        return result

    def add(self, features: Sequence[Shape], name: str) -> Shape:
        """Count one operation an element for each that is added to the first."""
        self.parts.append(Part(operations=(len(features) - 1) * features[0].elements))
        return features[0]

    def heatmaps(self, features: Shape, name: str, keypoints: int, kernel: int) -> Shape:
        """Count a convolution with bias."""
        return self.convolution(features, name, keypoints, kernel, use_bias=True)

"""A network as a list of its layers: shapes of weights, operations, and which channels are the same channels.

No Keras, no TensorFlow. Sizes, layer names and weight shapes are read from it, and what weight inheritance has to
know. Operations are counted as TensorFlow's profiler counts those of the original, so that figures compare with the
paper's: two for each multiply-accumulate of a convolution, and for each element one of a bias, a mean, an excitation
or a skip connection, two of a swish (x * sigmoid(beta * x)), nine of a maximum over 3x3 pixels. Batch normalisation,
sigmoid, rectifier and interpolation count nothing. Two operations are one multiply-add.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

from evopose2d.networks.operations import Operations
from evopose2d.networks.size import NetworkSize

IMAGES = "images"
"""Axis of the colours."""

_ACTIVATION_OPERATIONS = {"swish": 2}  # an element
_POOLED = 9  # operations that a 3x3 maximum counts
_MOVING = ("moving_mean", "moving_variance")
_NORM_WEIGHTS = ("gamma", "beta", *_MOVING)


class Kind(Enum):
    """How a convolution's kernel is laid out."""

    FULL = "full"  # (k, k, inputs, outputs)
    DEPTHWISE = "depthwise"  # (k, k, channels, 1)
    TRANSPOSED = "transposed"  # (k, k, outputs, inputs)


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        name: of the layer.
        weights: shape of each of its weights, by the weight's name.
        operations: of a forward pass over one image.
        kept: values of one image that a training step keeps for the gradients.
    """

    name: str
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    operations: int = 0
    kept: int = 0


@dataclass(frozen=True)
class Convolution:
    """A convolution and what stands around it.

    Attributes:
        name: of its layer.
        kind: how its kernel is laid out.
        reads: axis of the channels that it reads.
        gives: axis of the channels that it gives. Axes with one name hold the same channels in the same order; an
            axis is named after the layer that makes it.
        norm: batch normalisation that follows; empty where it has a bias instead.
        stride: pixels that it reads for one that it gives; for a transposed one the other way round.
        spacing: input pixels from one pixel that it reads to the next; 1 for a transposed one, since what it draws
            between the pixels stays the same figure on any grid.
        of_means: whether it reads means over all pixels.
    """

    name: str
    kind: Kind
    reads: str
    gives: str
    norm: str = ""
    stride: int = 1
    spacing: float = 1.0
    of_means: bool = False


@dataclass(frozen=True)
class Shape:
    """The shape of one image's features, and where they come from.

    Attributes:
        height: pixels.
        width: pixels.
        channels: C.
        axis: of the channels, as in ``Convolution``.
        spacing: input pixels from one pixel to the next.
        is_mean: whether it is a mean over all pixels.
    """

    height: int
    width: int
    channels: int
    axis: str = IMAGES
    spacing: float = 1.0
    is_mean: bool = False

    @property
    def pixels(self) -> int:
        """Pixels of one channel."""
        return self.height * self.width

    @property
    def elements(self) -> int:
        """Values in all."""
        return self.pixels * self.channels


@dataclass(frozen=True)
class Recording:
    """A network's layers, in the order in which they run.

    Attributes:
        layers: all layers that have weights or take operations.
        convolutions: those that are convolutions.
        widths: channels of every axis, in the order in which the network makes them.
        streams: for every axis the first of those that skip connections join with it; itself where none do.
    """

    layers: tuple[Layer, ...]
    convolutions: tuple[Convolution, ...]
    widths: Mapping[str, int]
    streams: Mapping[str, str]

    @cached_property
    def size(self) -> NetworkSize:
        """Return how large the network is."""
        weights = [(name, math.prod(shape)) for layer in self.layers for name, shape in layer.weights.items()]
        return NetworkSize(
            parameters=sum(values for _, values in weights),
            trainable_parameters=sum(values for name, values in weights if name not in _MOVING),
            multiply_adds=sum(layer.operations for layer in self.layers) // 2,
            kept_values=sum(layer.kept for layer in self.layers),
        )

    @property
    def weight_shapes(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Return the shape of every weight, by layer and by name."""
        return {layer.name: dict(layer.weights) for layer in self.layers if layer.weights}


def record(
    describe: Callable[[Operations[Shape], Shape], object], input_shape: tuple[int, int], colours: int = 3
) -> Recording:
    """Record a network.

    Args:
        describe: applies operations to images.
        input_shape: (H, W) in pixels.
        colours: channels of the images.
    """
    operations = RecordingOperations()
    describe(operations, operations.images(*input_shape, colours))
    return operations.recording()


class RecordingOperations:
    """Operations on shapes that note every layer."""

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self._convolutions: list[Convolution] = []
        self._widths: dict[str, int] = {}
        self._same: dict[str, str] = {}  # axes that turn out to be another one's channels
        self._joined: dict[str, str] = {}  # by skip connections, to the first

    def images(self, height: int, width: int, colours: int = 3) -> Shape:
        """Return the shape of the images."""
        self._widths[IMAGES] = colours
        return Shape(height, width, colours)

    def recording(self) -> Recording:
        """Return what was recorded so far."""
        same = self._same
        convolutions = tuple(replace(each, gives=same.get(each.gives, each.gives)) for each in self._convolutions)
        widths = {axis: width for axis, width in self._widths.items() if axis not in same}
        streams = {axis: self._joined.get(axis, axis) for axis in widths}
        return Recording(tuple(self._layers), convolutions, widths, streams)

    def channels(self, features: Shape) -> int:
        """Return C."""
        return features.channels

    def pad(self, features: Shape, name: str, pixels: int) -> Shape:
        """Surround with zeros."""
        return replace(features, height=features.height + 2 * pixels, width=features.width + 2 * pixels)

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
        activation: str | None = None,
    ) -> Shape:
        """Note a convolution."""
        lost = kernel - 1 if padding == "valid" else 0
        result = self._strided(features, lost, stride, channels, name)
        weights = {"kernel": (kernel, kernel, features.channels, channels)} | _bias(channels, use_bias)
        operations = 2 * math.prod(weights["kernel"]) * result.pixels + use_bias * result.elements
        operations += _ACTIVATION_OPERATIONS.get(activation or "", 0) * result.elements
        return self._note(Kind.FULL, features, result, Layer(name, weights, operations, result.elements), stride)

    def depthwise_convolution(self, features: Shape, name: str, kernel: int, stride: int) -> Shape:
        """Note a depthwise convolution, whose outputs are the channels that it reads."""
        result = self._strided(features, 0, stride, features.channels, features.axis)
        weights = {"kernel": (kernel, kernel, features.channels, 1)}
        operations = 2 * math.prod(weights["kernel"]) * result.pixels
        return self._note(Kind.DEPTHWISE, features, result, Layer(name, weights, operations, result.elements), stride)

    def transposed_convolution(self, features: Shape, name: str, channels: int, kernel: int, stride: int) -> Shape:
        """Note a transposed convolution, which multiplies each pixel that it reads with the kernel."""
        height, width = features.height * stride, features.width * stride
        result = Shape(height, width, channels, name, features.spacing / stride)
        weights = {"kernel": (kernel, kernel, channels, features.channels)}
        operations = 2 * math.prod(weights["kernel"]) * features.pixels
        return self._note(Kind.TRANSPOSED, features, result, Layer(name, weights, operations, result.elements), stride)

    def excited_convolution(self, features: Shape, weights: Shape, name: str, channels: int) -> Shape:
        """Note a 1x1 convolution after a product with weights, which belong to the channels of the features."""
        self._same[weights.axis] = features.axis
        # Kept besides the convolution's result: the weighted features, and that result normalised.
        kept = features.elements + features.pixels * channels
        self._layers.append(Layer(f"{name}_excitation", operations=features.elements, kept=kept))
        return self.convolution(features, name, channels)

    def batch_norm(self, features: Shape, name: str, epsilon: float = 1e-3) -> Shape:
        """Note a batch normalisation, which has two weights and two moving statistics a channel."""
        self._layers.append(Layer(name, dict.fromkeys(_NORM_WEIGHTS, (features.channels,))))
        self._convolutions[-1] = replace(self._convolutions[-1], norm=name)
        return features

    def normalised_swish(self, features: Shape, name: str) -> Shape:
        """Note a batch normalisation and its activation."""
        self.batch_norm(features, name)
        operations = _ACTIVATION_OPERATIONS["swish"] * features.elements
        # The normalised values, of which swish is differentiated, and its results, which the next layer reads.
        self._layers.append(Layer(f"{name}_swish", operations=operations, kept=2 * features.elements))
        return features

    def normalised_swish_with_mean(self, features: Shape, name: str) -> tuple[Shape, Shape]:
        """Note a batch normalisation, its activation and a mean."""
        result = self.normalised_swish(features, name)
        self._layers.append(Layer(f"{name}_mean", operations=result.elements))
        return result, replace(result, height=1, width=1, is_mean=True)

    def relu(self, features: Shape, name: str) -> Shape:
        """Note what is kept: what comes out, not what went in."""
        self._layers.append(Layer(name, kept=features.elements))
        return features

    def max_pool(self, features: Shape, name: str) -> Shape:
        """Note a maximum over each 3x3 window."""
        height, width = (features.height - 1) // 2, (features.width - 1) // 2
        result = replace(features, height=height, width=width, spacing=2 * features.spacing)
        self._layers.append(Layer(name, operations=_POOLED * result.elements, kept=result.elements))
        return result

    def upsample(self, features: Shape, name: str, factor: int) -> Shape:
        """Note nothing."""
        height, width = features.height * factor, features.width * factor
        return replace(features, height=height, width=width, spacing=features.spacing / factor)

    def drop_connect(self, features: Shape, name: str, rate: float) -> Shape:
        """Note nothing."""
        return features

    def add(self, features: Sequence[Shape], name: str) -> Shape:
        """Note a sum, which ties the channels of what is added."""
        first, last = features[0], features[-1]
        self._layers.append(Layer(name, operations=(len(features) - 1) * first.elements))
        self._joined[first.axis] = self._joined.get(last.axis, last.axis)
        return first

    def heatmaps(self, features: Shape, name: str, keypoints: int, kernel: int) -> Shape:
        """Note a convolution with bias."""
        return self.convolution(features, name, keypoints, kernel, use_bias=True)

    def _strided(self, features: Shape, lost: int, stride: int, channels: int, axis: str) -> Shape:
        height, width = (-(-(side - lost) // stride) for side in (features.height, features.width))
        return Shape(height, width, channels, axis, features.spacing * stride)

    def _note(self, kind: Kind, features: Shape, result: Shape, layer: Layer, stride: int) -> Shape:
        spacing = 1.0 if kind is Kind.TRANSPOSED else features.spacing
        self._layers.append(layer)
        self._convolutions.append(
            Convolution(layer.name, kind, features.axis, result.axis, "", stride, spacing, features.is_mean)
        )
        self._widths.setdefault(result.axis, result.channels)
        return result


def _bias(channels: int, use_bias: bool) -> dict[str, tuple[int, ...]]:
    return {"bias": (channels,)} if use_bias else {}

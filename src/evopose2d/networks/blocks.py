"""The layers and blocks that EvoPose2D is made of, named as in the original."""

from dataclasses import dataclass
from typing import Any

import keras

from evopose2d.networks.batch_norm import FusedBatchNormalization
from evopose2d.networks.depthwise import DepthwiseConvolution
from evopose2d.networks.drop_connect import DropConnect
from evopose2d.networks.excitation import ExcitedConvolution
from evopose2d.networks.initializers import FanOutScaling
from evopose2d.networks.scaling import BlockSpec, HeadSpec
from evopose2d.networks.seeding import layer_seed
from evopose2d.networks.swish import NormalisedSwish

Tensor = Any  # a symbolic tensor of any backend


@dataclass(frozen=True)
class LayerFactory:
    """Makes the layers of one network.

    Attributes:
        seed: from which each layer derives its own by its name.
        synchronized: whether batch statistics are shared between the devices of a strategy.
    """

    seed: int
    synchronized: bool = False

    def convolution(
        self,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        activation: str | None = None,
        *,
        padding: str = "same",
        use_bias: bool = False,
    ) -> keras.Layer:
        """Make a convolution; ``channels`` it gives, ``kernel`` side and ``stride`` in pixels."""
        return keras.layers.Conv2D(
            channels,
            kernel,
            strides=stride,
            padding=padding,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=self._initializer(name),
            name=name,
        )

    def excited_convolution(self, name: str, channels: int) -> keras.Layer:
        """Make a 1x1 convolution of features and the weights of their channels; ``channels`` it gives."""
        return ExcitedConvolution(channels, kernel_initializer=self._initializer(name), name=name)

    def depthwise_convolution(self, name: str, kernel: int, stride: int) -> keras.Layer:
        """Make a depthwise convolution; ``kernel`` side and ``stride`` in pixels."""
        return DepthwiseConvolution(
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            depthwise_initializer=self._initializer(name),
            name=name,
        )

    def transposed_convolution(self, name: str, channels: int, kernel: int, stride: int) -> keras.Layer:
        """Make a transposed convolution; ``channels`` it gives, ``kernel`` side and ``stride`` in pixels."""
        return keras.layers.Conv2DTranspose(
            channels,
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=self._initializer(name),
            name=name,
        )

    def heatmap_convolution(self, name: str, keypoints: int, kernel: int) -> keras.Layer:
        """Make the last convolution, float32 in mixed precision too, since bfloat16 rounds peaks of 255."""
        return keras.layers.Conv2D(
            keypoints,
            kernel,
            padding="same",
            kernel_initializer=FanOutScaling(1 / 3, "uniform", layer_seed(self.seed, name)),
            dtype="float32",
            name=name,
        )

    def batch_norm(self, name: str, epsilon: float = 1e-3) -> keras.Layer:
        """Make a batch normalisation of momentum 0.99."""
        return FusedBatchNormalization(epsilon=epsilon, synchronized=self.synchronized, name=name)

    def normalised_swish(self, name: str, *, pooled: bool = False) -> keras.Layer:
        """Make a batch normalisation with swish after it, which gives the features' means as well if ``pooled``."""
        return NormalisedSwish(pooled=pooled, synchronized=self.synchronized, name=name)

    def drop_connect(self, name: str, rate: float) -> keras.Layer:
        """Make a layer that in training zeroes samples with probability ``rate`` and scales up the rest."""
        return DropConnect(rate, seed=layer_seed(self.seed, name), name=name)

    def _initializer(self, name: str) -> keras.Initializer:
        return FanOutScaling(2.0, "truncated_normal", layer_seed(self.seed, name))


def squeeze_excitation(means: Tensor, layers: LayerFactory, name: str, squeeze_channels: int) -> Tensor:
    """Give weights (B, 1, 1, C) from 0 to 1 of channels, by what their means (B, 1, 1, C) say (arXiv 1709.01507)."""
    channels = means.shape[-1]
    reduce = layers.convolution(f"{name}_reduce", squeeze_channels, activation="swish", use_bias=True)
    expand = layers.convolution(f"{name}_expand", channels, activation="sigmoid", use_bias=True)
    return expand(reduce(means))


def bottleneck(inputs: Tensor, layers: LayerFactory, block: BlockSpec) -> Tensor:
    """Apply a mobile inverted bottleneck with squeeze-excitation (arXiv 1905.11946, section 4).

    Args:
        inputs: (B, h, w, block.in_channels) features.
        layers: makes the layers.
        block: what to build.

    Returns:
        (B, h / stride, w / stride, block.out_channels) features.
    """
    name, features = block.name, inputs
    if block.expansion != 1:
        features = layers.convolution(f"{name}_expand_conv", block.expanded_channels)(features)
        features = layers.normalised_swish(f"{name}_expand_bn")(features)
    features = layers.depthwise_convolution(f"{name}_dwconv", block.kernel, block.stride)(features)
    features, means = layers.normalised_swish(f"{name}_bn", pooled=True)(features)
    weights = squeeze_excitation(means, layers, f"{name}_se", block.squeeze_channels)
    features = layers.excited_convolution(f"{name}_project_conv", block.out_channels)([features, weights])
    features = layers.batch_norm(f"{name}_project_bn")(features)
    if not block.has_skip:
        return features
    if block.drop_connect > 0:
        features = layers.drop_connect(f"{name}_drop", block.drop_connect)(features)
    return keras.layers.Add(name=f"{name}_add")([features, inputs])


def upsampling(features: Tensor, layers: LayerFactory, head: HeadSpec) -> Tensor:
    """Double the resolution of (B, h, w, C) features by a transposed convolution, normalise, swish."""
    features = layers.transposed_convolution(f"{head.name}_conv", head.out_channels, head.kernel, head.stride)(features)
    return layers.normalised_swish(f"{head.name}_bn")(features)

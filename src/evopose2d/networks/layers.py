"""The Keras layers that networks are built from."""

from dataclasses import dataclass
from typing import ClassVar

import keras

from evopose2d.networks.batch_norm import FusedBatchNormalization
from evopose2d.networks.drop_connect import DropConnect
from evopose2d.networks.excitation import ExcitedConvolution
from evopose2d.networks.initializers import FanOutScaling
from evopose2d.networks.seeding import layer_seed
from evopose2d.networks.swish import NormalisedSwish


@dataclass(frozen=True)
class LayerFactory:
    """Makes the layers of one network.

    Attributes:
        seed: from which each layer derives its own by its name.
        synchronized: whether batch statistics are shared between the devices of a strategy.
        depthwise: class of depthwise convolutions, of which others may take the place.
        excited: class of convolutions after a squeeze-excitation.
        swish: class of normalisations with swish.
    """

    depthwise: ClassVar[type[keras.layers.DepthwiseConv2D]] = keras.layers.DepthwiseConv2D
    excited: ClassVar[type[ExcitedConvolution]] = ExcitedConvolution
    swish: ClassVar[type[NormalisedSwish]] = NormalisedSwish

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
        return self.excited(channels, kernel_initializer=self._initializer(name), name=name)

    def depthwise_convolution(self, name: str, kernel: int, stride: int) -> keras.Layer:
        """Make a depthwise convolution; ``kernel`` side and ``stride`` in pixels."""
        return self.depthwise(
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
        return self.swish(pooled=pooled, synchronized=self.synchronized, name=name)

    def drop_connect(self, name: str, rate: float) -> keras.Layer:
        """Make a layer that in training zeroes samples with probability ``rate`` and scales up the rest."""
        return DropConnect(rate, seed=layer_seed(self.seed, name), name=name)

    def _initializer(self, name: str) -> keras.Initializer:
        return FanOutScaling(2.0, "truncated_normal", layer_seed(self.seed, name))

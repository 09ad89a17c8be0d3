"""The 1x1 convolution after a squeeze-excitation, which weighs its kernel instead of its features.

To weigh the channels of features and then to convolve them is to convolve each sample by a kernel of its own, whose
rows are weighted. Where there are more pixels than channels come out, those kernels are smaller than the features: a
training step no longer makes weighted features, nor keeps them, and the gradient of a sample's kernel gives that of
its weights and that of the layer's kernel.
"""

from collections.abc import Sequence
from typing import Any

import keras

from evopose2d.networks.cpu import in_float32_on_cpu

Tensor = Any  # of any backend


@keras.saving.register_keras_serializable(package="evopose2d")
class ExcitedConvolution(keras.layers.Layer):
    """A 1x1 convolution, without bias, of features that are weighted before, channel by channel.

    It takes a list of features (B, h, w, C) and weights (B, 1, 1, C). In training in float32 on a CPU, on the
    TensorFlow backend, rounding differs from that of a product and a convolution.

    Args:
        filters: channels that come out, D.
        kernel_initializer: of the kernel (1, 1, C, D), as in ``keras.layers.Conv2D``.
        settings: of ``keras.Layer``.
    """

    def __init__(self, filters: int, kernel_initializer: Any = "glorot_uniform", **settings: Any) -> None:  # noqa: ANN401 - of Keras
        super().__init__(**settings)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Make the kernel for the shapes of features and weights."""
        shape = (1, 1, input_shape[0][-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        """Give (B, h, w, D) features."""
        features, weights = inputs
        if training and in_float32_on_cpu(self) and self._kernels_are_smaller(features.shape):
            return self._with_weighted_kernels(features, weights)
        return keras.ops.conv(features * weights, self.kernel, data_format="channels_last")

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Give the shape of the features that come out."""
        return (*input_shape[0][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer anew."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return super().get_config() | {"filters": self.filters, "kernel_initializer": initializer}

    def _kernels_are_smaller(self, shape: Sequence[int | None]) -> bool:
        _, height, width, _ = shape
        return height is not None and width is not None and height * width > self.filters

    def _with_weighted_kernels(self, features: Tensor, weights: Tensor) -> Tensor:
        _, height, width, channels = features.shape
        kernels = keras.ops.reshape(weights, (-1, channels, 1)) * keras.ops.reshape(self.kernel, (channels, -1))
        pixels = keras.ops.matmul(keras.ops.reshape(features, (-1, height * width, channels)), kernels)
        return keras.ops.reshape(pixels, (-1, height, width, self.filters))

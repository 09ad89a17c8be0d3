"""The 1x1 convolution after a squeeze-excitation, which weighs its kernel instead of its features.

To weigh the channels of features and then to convolve them is to convolve each sample by a kernel of its own, whose
rows are weighted. Where there are more pixels than channels come out, those kernels are smaller than the features: a
training step no longer makes weighted features, nor keeps them, and the gradient of a sample's kernel gives that of
its weights and that of the layer's kernel.
"""

from collections.abc import Sequence
from typing import Any

import keras

from evopose2d.networks.cpu_kernels.where import in_float32_on_cpu
from evopose2d.networks.excitation import ExcitedConvolution

Tensor = Any  # of any backend


@keras.saving.register_keras_serializable(package="evopose2d")
class KernelExcitedConvolution(ExcitedConvolution):
    """``ExcitedConvolution`` that weighs its kernel in training; rounding differs, and nothing else."""

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        """Return (B, h, w, D) features."""
        features, weights = inputs
        if training and in_float32_on_cpu(self) and self._kernels_are_smaller(features.shape):
            return self._with_weighted_kernels(features, weights)
        return super().call(inputs, training=training)

    def _kernels_are_smaller(self, shape: Sequence[int | None]) -> bool:
        _, height, width, _ = shape
        return height is not None and width is not None and height * width > self.filters

    def _with_weighted_kernels(self, features: Tensor, weights: Tensor) -> Tensor:
        _, height, width, channels = features.shape
        kernels = keras.ops.reshape(weights, (-1, channels, 1)) * keras.ops.reshape(self.kernel, (channels, -1))
        pixels = keras.ops.matmul(keras.ops.reshape(features, (-1, height * width, channels)), kernels)
        return keras.ops.reshape(pixels, (-1, height, width, self.filters))

"""The 1x1 convolution after a squeeze-excitation, which weighs the channels that it reads."""

from collections.abc import Sequence
from typing import Any

import keras

Tensor = Any  # of any backend


@keras.saving.register_keras_serializable(package="evopose2d")
class ExcitedConvolution(keras.layers.Layer):
    """A 1x1 convolution, without bias, of features that are weighted before, channel by channel.

    It takes a list of features (B, h, w, C) and weights (B, 1, 1, C).

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
        """Return (B, h, w, D) features."""
        features, weights = inputs
        return keras.ops.conv(features * weights, self.kernel, data_format="channels_last")

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the features that come out."""
        return (*input_shape[0][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer anew."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return super().get_config() | {"filters": self.filters, "kernel_initializer": initializer}

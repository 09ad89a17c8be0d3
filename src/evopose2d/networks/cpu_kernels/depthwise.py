"""Depthwise convolution whose kernel gradient stays on fast code.

On a CPU, oneDNN computes the gradient of a depthwise kernel up to three pixels wide with vector instructions, and that
of a wider one without: 5x5 kernels took about seven times as long as 5x3. Here a wide kernel's gradient is computed
three columns at a time. The layer, its weights and its results are those of Keras.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras

from evopose2d.networks.cpu_kernels.where import in_float32_on_cpu

_FAST_WIDTH = 3

Tensor = Any  # of TensorFlow


@keras.saving.register_keras_serializable(package="evopose2d")
class DepthwiseConvolution(keras.layers.DepthwiseConv2D):
    """``keras.layers.DepthwiseConv2D`` of padding "same", with wide kernels differentiated in parts on a CPU."""

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors of any backend
        """Convolve (B, h, w, C) features."""
        if keras.utils.is_keras_tensor(inputs) or not self._is_slow():
            return super().call(inputs)
        import tensorflow as tf  # the other backends must not need it

        @tf.custom_gradient
        def convolve(features: Tensor, kernel: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
            outputs = tf.nn.depthwise_conv2d(features, kernel, strides, "SAME")
            return outputs, partial(_gradients, features, kernel, strides)

        strides = [1, *self.strides, 1]
        return convolve(tf.convert_to_tensor(inputs), tf.convert_to_tensor(self.kernel))

    def _is_slow(self) -> bool:
        plain = not self.use_bias and self.activation is keras.activations.linear and self.dilation_rate == (1, 1)
        usual = self.padding == "same" and self.data_format == "channels_last"
        return plain and usual and self.kernel_size[1] > _FAST_WIDTH and in_float32_on_cpu(self)


def _gradients(features: Tensor, kernel: Tensor, strides: Sequence[int], upstream: Tensor) -> tuple[Tensor, Tensor]:
    import tensorflow as tf

    by_features = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.shape(features), filter=kernel, out_backprop=upstream, strides=strides, padding="SAME"
    )
    return by_features, _by_kernel(features, upstream, kernel.shape, strides)


def _by_kernel(features: Tensor, upstream: Tensor, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Return the gradient of a kernel of a shape (height, width, C, 1), a few of its columns at a time."""
    import tensorflow as tf

    (rows, above, below), (columns, before, after) = (
        _reach(features.shape[axis], upstream.shape[axis], shape[axis - 1], strides[axis]) for axis in (1, 2)
    )
    padded = tf.pad(features, [[0, 0], [above, below], [before, after], [0, 0]])
    parts = []
    for start in range(0, shape[1], _FAST_WIDTH):
        width = min(_FAST_WIDTH, shape[1] - start)
        seen = padded[:, : rows + shape[0], start : start + columns + width]
        part = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=seen,
            filter_sizes=[shape[0], width, *shape[2:]],
            out_backprop=upstream,
            strides=strides,
            padding="VALID",
        )
        parts.append(part)
    return tf.concat(parts, axis=1)


def _reach(size: int, outputs: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Return by how much a kernel moves from its first to its last place, and the padding before and after."""
    moved = (outputs - 1) * stride
    padding = max(moved + kernel - size, 0)
    return moved, padding // 2, padding - padding // 2

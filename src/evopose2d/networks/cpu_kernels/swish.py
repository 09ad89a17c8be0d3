"""Batch normalisation with swish after it, whose gradient keeps less and passes over memory once.

TensorFlow computes the gradient of swish in six operations, each of which reads and writes all features (a quarter of
a training step on a CPU), from the normalised features, which it keeps for that. XLA makes one loop of them, which
normalises the features anew. Only of them: by XLA, the whole step is many times slower on a CPU. Where the features'
means are wanted too, as squeeze-excitation does, what comes back by the means joins in that loop, instead of taking
three more operations on all features.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras

from evopose2d.networks.cpu_kernels.where import in_float32_on_cpu
from evopose2d.networks.swish import NormalisedSwish

Tensor = Any  # of TensorFlow


@keras.saving.register_keras_serializable(package="evopose2d")
class XlaNormalisedSwish(NormalisedSwish):
    """``NormalisedSwish`` whose gradient is one loop; rounding in gradients differs, and nothing else."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Normalise, then return x * sigmoid(x)."""
        normalises = training and self.trainable and mask is None
        if normalises and self._can_fuse(len(inputs.shape)) and in_float32_on_cpu(self):
            return self._differentiated_by_xla(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _differentiated_by_xla(self, inputs: Tensor) -> Tensor | list[Tensor]:
        import tensorflow as tf  # the other backends must not need it

        normalised, mean, variance = self._normalise_and_update(inputs)
        gamma, beta = (tf.convert_to_tensor(weight) for weight in (self.gamma, self.beta))
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)

        @tf.custom_gradient
        def swish(features: Tensor) -> tuple[list[Tensor], Callable[..., Tensor]]:
            outputs = [features * tf.sigmoid(features)]
            if self.pooled:
                outputs.append(tf.reduce_mean(outputs[0], axis=(1, 2), keepdims=True))

            def differentiated(upstream: Tensor, of_means: Tensor | None = None) -> Tensor:
                # Nothing, where there are no means: so XLA compiles one function for features of one shape, not two.
                of_means = tf.zeros_like(upstream[:, :1, :1]) if of_means is None else of_means
                # Not from ``features``, which nothing else needs any more.
                return _gradient()(inputs, mean, scale, beta, upstream, of_means)

            return outputs, differentiated

        outputs: list[Tensor] = swish(normalised)
        return outputs if self.pooled else outputs[0]


@cache
def _gradient() -> Callable[..., Tensor]:
    """Return the function that XLA compiles once for each shape, for all networks of a process."""
    import tensorflow as tf

    @tf.function(autograph=False, jit_compile=True)
    def gradient(
        features: Tensor, mean: Tensor, scale: Tensor, offset: Tensor, upstream: Tensor, of_means: Tensor
    ) -> Tensor:
        pixels = tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), features.dtype)
        normalised = (features - mean) * scale + offset
        share = tf.sigmoid(normalised)
        return (upstream + of_means / pixels) * (share * (1 + normalised * (1 - share)))

    compiled: Callable[..., Tensor] = gradient
    return compiled

"""Batch normalisation with swish after it, whose gradient keeps less and passes over memory once.

TensorFlow computes the gradient of swish in six operations, each of which reads and writes all features (a quarter of
a training step on a CPU), from the normalised features, which it keeps for that. XLA makes one loop of them, which
normalises the features anew. Only of them: by XLA, the whole step is many times slower on a CPU.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras

from evopose2d.networks.batch_norm import FusedBatchNormalization
from evopose2d.networks.cpu import in_float32_on_cpu

Tensor = Any  # of TensorFlow


@keras.saving.register_keras_serializable(package="evopose2d")
class NormalisedSwish(FusedBatchNormalization):
    """``FusedBatchNormalization`` and swish in one layer; the weights are those of the normalisation.

    What differs from two layers is rounding in gradients, and only where it is differentiated by XLA: in training in
    float32 on a CPU, on the TensorFlow backend.
    """

    activation = staticmethod(keras.activations.silu)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Normalise, then give x * sigmoid(x); as ``FusedBatchNormalization`` otherwise."""
        normalises = training and self.trainable and mask is None
        if normalises and self._can_fuse(len(inputs.shape)) and in_float32_on_cpu(self):
            return self._differentiated_by_xla(inputs)
        return self.activation(super().call(inputs, training=training, mask=mask))

    def _differentiated_by_xla(self, inputs: Tensor) -> Tensor:
        import tensorflow as tf  # the other backends must not need it

        normalised, mean, variance = self._normalise_and_update(inputs)
        gamma, beta = (tf.convert_to_tensor(weight) for weight in (self.gamma, self.beta))
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)

        @tf.custom_gradient
        def swish(features: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            # Not from ``features``, which nothing else needs any more.
            return features * tf.sigmoid(features), lambda upstream: _gradient()(inputs, mean, scale, beta, upstream)

        return swish(normalised)


@cache
def _gradient() -> Callable[..., Tensor]:
    """Give the function that XLA compiles once for each shape, for all networks of a process."""
    import tensorflow as tf

    @tf.function(autograph=False, jit_compile=True)
    def gradient(features: Tensor, mean: Tensor, scale: Tensor, offset: Tensor, upstream: Tensor) -> Tensor:
        normalised = (features - mean) * scale + offset
        share = tf.sigmoid(normalised)
        return upstream * (share * (1 + normalised * (1 - share)))

    compiled: Callable[..., Tensor] = gradient
    return compiled

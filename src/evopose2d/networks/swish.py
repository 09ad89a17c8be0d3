"""Batch normalisation with swish after it, whose gradient keeps less and passes over memory once.

TensorFlow computes the gradient of swish in six operations, each of which reads and writes all features (a quarter of
a training step on a CPU), from the normalised features, which it keeps for that. XLA makes one loop of them, which
normalises the features anew. Only of them: by XLA, the whole step is many times slower on a CPU. Where the features'
means are wanted too, as squeeze-excitation does, what comes back by the means joins in that loop, instead of taking
three more operations on all features.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import keras

from evopose2d.networks.batch_norm import FusedBatchNormalization
from evopose2d.networks.cpu import in_float32_on_cpu

Tensor = Any  # of TensorFlow


@keras.saving.register_keras_serializable(package="evopose2d")
class NormalisedSwish(FusedBatchNormalization):
    """``FusedBatchNormalization`` and swish in one layer; the weights are those of the normalisation.

    What differs from layers of their own is rounding in gradients, and only where it is differentiated by XLA: in
    training in float32 on a CPU, on the TensorFlow backend.

    Args:
        pooled: give a list of the features (B, h, w, C) and their means over all pixels (B, 1, 1, C).
        settings: of ``FusedBatchNormalization``.
    """

    activation = staticmethod(keras.activations.silu)

    def __init__(self, *, pooled: bool = False, **settings: Any) -> None:  # noqa: ANN401 - of Keras
        super().__init__(**settings)
        self.pooled = pooled

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Normalise, then give x * sigmoid(x); as ``FusedBatchNormalization`` otherwise."""
        normalises = training and self.trainable and mask is None
        if normalises and self._can_fuse(len(inputs.shape)) and in_float32_on_cpu(self):
            return self._differentiated_by_xla(inputs)
        outputs = self.activation(super().call(inputs, training=training, mask=mask))
        return [outputs, keras.ops.mean(outputs, axis=(1, 2), keepdims=True)] if self.pooled else outputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:  # noqa: ANN401 - one shape or a list
        """Give the features' shape, and that of their means where they are given."""
        features = super().compute_output_shape(input_shape)
        return [features, (features[0], 1, 1, features[-1])] if self.pooled else features

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer anew."""
        return super().get_config() | {"pooled": self.pooled}

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
    """Give the function that XLA compiles once for each shape, for all networks of a process."""
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

"""Batch normalisation that runs as one fused kernel on the TensorFlow backend.

Keras 3 spells batch normalisation out in elementary operations there, which costs about a third of a training
step on a CPU. The mathematics, the variables and their names are those of Keras. So is the moving variance:
it averages the population variance (divided by n), where the fused kernel by itself gives the sample variance
(n - 1) that Keras 2 averaged.
"""

import math
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="evopose2d")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """``keras.layers.BatchNormalization``, fused where that is possible.

    It falls back to Keras's own on other backends, for other inputs than (B, h, w, C), with masks,
    renormalisation, or statistics synchronised between devices.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Normalise.

        Args:
            inputs: (B, h, w, C) features.
            training: normalise with the batch's statistics and update the moving ones.
            mask: as in Keras; not fused.

        Returns:
            (B, h, w, C) features of the dtype of ``inputs``.
        """
        if mask is not None or not self._can_fuse(len(inputs.shape)):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._normalise_and_update(inputs)[0]
        outputs, _, _ = self._fused(inputs, training=False)
        return outputs

    def _can_fuse(self, rank: int) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and rank == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not self.synchronized
            and not self.renorm
        )

    def _normalise_and_update(self, inputs: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401 - tensors
        """Return the outputs with the batch's mean and its variance, which the moving ones have taken in."""
        outputs, mean, sample_variance = self._fused(inputs, training=True)
        variance = sample_variance * _population_share(inputs, mean.dtype)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs, mean, variance

    def _fused(self, inputs: Any, *, training: bool) -> tuple[Any, Any, Any]:  # noqa: ANN401 - tensors
        import tensorflow as tf  # the other backends must not need it

        gamma, beta, mean, variance = (
            keras.ops.convert_to_tensor(weight)
            for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return outputs, batch_mean, batch_variance


def _population_share(inputs: Any, dtype: Any) -> Any:  # noqa: ANN401 - tensors
    """Return (n - 1) / n of the n samples of a batch: a number where its shape is known, else a scalar tensor."""
    shape = keras.ops.shape(inputs)[:3]
    if all(isinstance(size, int) for size in shape):
        samples = math.prod(shape)
        return float(np.float32(max(samples - 1, 1)) / np.float32(samples))
    counted = keras.ops.cast(keras.ops.prod(shape), dtype)
    return keras.ops.maximum(counted - 1.0, 1.0) / counted

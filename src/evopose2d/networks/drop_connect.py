"""Drop-connect whose rate can be a tensor, so that one traced function serves blocks of any rate.

A block's rate follows from its place among all blocks, so one repeat more anywhere changes that of every block.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

Tensor = Any  # of TensorFlow


@keras.saving.register_keras_serializable(package="evopose2d")
class DropConnect(keras.layers.Dropout):
    """``keras.layers.Dropout`` of whole samples (B, h, w, C); in training zeroes some and scales up the rest.

    Args:
        rate: probability of being zeroed.
        seed: of the random generator.
        name: of the layer.
    """

    def __init__(self, rate: float, noise_shape: Any = (None, 1, 1, 1), **settings: Any) -> None:  # noqa: ANN401
        super().__init__(rate, noise_shape=noise_shape, **settings)
        self._given: tuple[Tensor, Tensor] | None = None

    def rate_and_scale(self) -> tuple[float, float]:
        """Return what ``given`` takes, as numbers: the rate, and by how much the samples that stay are scaled up."""
        return self.rate, 1 / (1 - self.rate)

    @contextmanager
    def given(self, rate: Tensor, scale: Tensor) -> Iterator[None]:
        """Take the rate, which is neither 0 nor 1, from tensors while a function is traced, on TensorFlow."""
        self._given = (rate, scale)
        try:
            yield
        finally:
            self._given = None

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        """Drop samples of (B, h, w, C) features in training."""
        if self._given is None or not training:
            return super().call(inputs, training=training)
        import tensorflow as tf  # the other backends must not need it

        # As tf.nn.experimental.stateless_dropout computes it for a rate that is a number, to the last digit.
        rate, scale = self._given
        noise = keras.random.uniform(
            (keras.ops.shape(inputs)[0], 1, 1, 1), dtype=inputs.dtype, seed=self.seed_generator
        )
        return tf.where(noise >= rate, inputs * scale, tf.zeros((), inputs.dtype))

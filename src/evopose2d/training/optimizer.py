"""Adam with L2 decay of the convolution kernels."""

from collections.abc import Collection
from typing import Any

import keras


class AdamL2(keras.optimizers.Adam):
    """Adam whose gradients carry the L2 penalty of chosen variables.

    A penalty ``l2 * sum(kernel ** 2)`` in the loss adds ``2 * l2 * kernel`` to the gradient. Adding that here is
    the same mathematics without one loss tensor a layer. It differs from decoupled weight decay (AdamW).

    Args:
        learning_rate: a rate or a schedule.
        l2: factor of the penalty, at least 0.
        decayed: paths of the variables that decay.
    """

    def __init__(self, learning_rate: Any, *, l2: float, decayed: Collection[str]) -> None:  # noqa: ANN401
        # A name that does not count up: TensorFlow makes variables of names that it knows in half the time.
        super().__init__(learning_rate, name="adam_l2")
        self._l2 = l2
        self._decayed_paths = frozenset(decayed)
        self._decays: list[bool] = []

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the moments of each variable, and note which variables decay."""
        if not self.built:
            self._decays = [variable.path in self._decayed_paths for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:  # noqa: ANN401 - backend tensors
        """Update one variable from its gradient, which devices have summed already."""
        if self._l2 and self._decays[self._get_variable_index(variable)]:
            gradient = gradient + 2 * self._l2 * keras.ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:  # noqa: ANN401 - backend tensors
        if self._can_fuse(trainable_variables):
            self._fused_update(grads, trainable_variables, learning_rate)
        else:
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _can_fuse(self, variables: list[Any]) -> bool:
        if keras.backend.backend() != "tensorflow":
            return False
        import tensorflow as tf  # the other backends must not need it

        return not tf.distribute.has_strategy() and all(variable.dtype == "float32" for variable in variables)

    def _fused_update(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:  # noqa: ANN401
        """Update each variable by one operation; Keras traces and runs a dozen for the same formula."""
        import tensorflow as tf

        step = tf.cast(self.iterations.value + 1, tf.float32)
        shared = {
            "beta1_power": self.beta_1**step,
            "beta2_power": self.beta_2**step,
            "lr": tf.cast(learning_rate, tf.float32),
            # As numbers they would become a constant each for every variable, all of which have to be traced.
            "beta1": tf.constant(self.beta_1, tf.float32),
            "beta2": tf.constant(self.beta_2, tf.float32),
            "epsilon": tf.constant(self.epsilon, tf.float32),
        }
        for gradient, variable in zip(gradients, variables, strict=True):
            index = self._get_variable_index(variable)
            if self._l2 and self._decays[index]:
                gradient = gradient + 2 * self._l2 * variable.value
            kept = (variable, self._momentums[index], self._velocities[index])
            var, m, v = (each.value.handle for each in kept)
            tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **shared)


def convolution_kernels(network: keras.Model) -> list[str]:
    """Return the paths of the kernels that decay: of convolutions and transposed ones, not of depthwise ones.

    The original passed the penalty to its depthwise layers by an argument that Keras ignores, so they had none.
    """
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return [layer.kernel.path for layer in network.layers if isinstance(layer, kinds)]

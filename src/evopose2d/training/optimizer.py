"""Adam with L2 decay of the convolution kernels."""

import itertools
import math
from collections.abc import Collection, MutableMapping
from typing import Any

import keras
import numpy as np

from evopose2d.networks.excitation import ExcitedConvolution


class AdamL2(keras.optimizers.Adam):
    """Adam whose gradients carry the L2 penalty of chosen variables.

    A penalty ``l2 * sum(kernel ** 2)`` in the loss adds ``2 * l2 * kernel`` to the gradient. Adding that here is
    the same mathematics without one loss tensor a layer. It differs from decoupled weight decay (AdamW).

    Args:
        learning_rate: a rate or a schedule.
        l2: factor of the penalty, at least 0.
        decayed: paths of the variables that decay.
        accumulation: batches whose gradients are averaged for one step; the schedule counts steps, not batches.
    """

    def __init__(
        self,
        learning_rate: Any,  # noqa: ANN401 - a number or a schedule
        *,
        l2: float,
        decayed: Collection[str],
        accumulation: int = 1,
    ) -> None:
        parts = accumulation if accumulation > 1 else None
        # A name that does not count up: TensorFlow makes variables of names that it knows in half the time.
        super().__init__(learning_rate, name="adam_l2", gradient_accumulation_steps=parts)
        self._l2 = l2
        self._decayed_paths = frozenset(decayed)
        self._decays: list[bool] = []
        self._sizes: list[int] = []  # of each variable, where the moments of all are held in one

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the moments of all variables, and note which variables decay.

        On one device of TensorFlow, the moments of all variables are one variable each: making hundreds of them is time
        that every individual of a search would pay.
        """
        if self.built:
            return
        self._decays = [variable.path in self._decayed_paths for variable in variables]
        if not _can_fuse(variables):
            super().build(variables)
            return
        super(keras.optimizers.Adam, self).build(variables)
        self._sizes = [math.prod(variable.shape) for variable in variables]
        for name in ("momentum", "velocity", "change"):
            self.add_variable(shape=(sum(self._sizes),), dtype="float32", name=name)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state as Keras's Adam does, the moments of each variable apart, whichever way they are held."""
        if not self._sizes:
            super().save_own_variables(store)
            return
        *others, momentum, velocity, _ = (variable.numpy() for variable in self.variables)
        borders = np.cumsum(self._sizes)[:-1]
        parts = zip(np.split(momentum, borders), np.split(velocity, borders), self._trainable_variables, strict=True)
        moments = (part.reshape(variable.shape) for *pair, variable in parts for part in pair)
        store.update((str(index), values) for index, values in enumerate(itertools.chain(others, moments)))

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Take a state that ``save_own_variables`` or Keras's Adam wrote."""
        if not self._sizes:
            super().load_own_variables(store)
            return
        *others, momentum, velocity, _ = self.variables
        for index, variable in enumerate(others):
            variable.assign(store[str(index)])
        moments = [store[str(index)].ravel() for index in range(len(others), len(store))]
        momentum.assign(np.concatenate(moments[::2]))
        velocity.assign(np.concatenate(moments[1::2]))

    def _get_current_learning_rate(self) -> Any:  # noqa: ANN401 - backend tensor
        """Return the rate of the step that is being taken; Keras would count accumulated batches."""
        schedule = self._learning_rate
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            return schedule(self.iterations)
        return super()._get_current_learning_rate()

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:  # noqa: ANN401 - backend tensors
        """Update one variable from its gradient, which devices have summed already."""
        super().update_step(self._penalised(gradient, variable), variable, learning_rate)

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:  # noqa: ANN401 - backend tensors
        if self._sizes:
            self._fused_update(grads, trainable_variables, learning_rate)
        else:
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _fused_update(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:  # noqa: ANN401
        """Update all variables by one operation; Keras traces and runs a dozen for each of them."""
        import tensorflow as tf

        *_, momentum, velocity, change = (variable.value for variable in self.variables)
        step = tf.cast(keras.ops.convert_to_tensor(self.iterations) + 1, tf.float32)
        penalised = map(self._penalised, gradients, variables)
        gradient = tf.concat([tf.reshape(each, [-1]) for each in penalised], axis=0)
        change.assign(tf.zeros_like(gradient), read_value=False)
        tf.raw_ops.ResourceApplyAdam(
            var=change.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
        for variable, part in zip(variables, tf.split(change.read_value(), self._sizes), strict=True):
            variable.value.assign_add(tf.reshape(part, variable.shape), read_value=False)

    def _penalised(self, gradient: Any, variable: Any) -> Any:  # noqa: ANN401 - backend tensors
        if not self._l2 or not self._decays[self._get_variable_index(variable)]:
            return gradient
        return gradient + 2 * self._l2 * keras.ops.cast(variable, gradient.dtype)


def _can_fuse(variables: list[Any]) -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf  # the other backends must not need it

    return not tf.distribute.has_strategy() and all(variable.dtype == "float32" for variable in variables)


def convolution_kernels(network: keras.Model) -> list[str]:
    """Return the paths of the kernels that decay: of convolutions and transposed ones, not of depthwise ones.

    The original passed the penalty to its depthwise layers by an argument that Keras ignores, so they had none.
    """
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, ExcitedConvolution)
    return [layer.kernel.path for layer in network.layers if isinstance(layer, kinds)]

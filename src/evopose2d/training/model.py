"""A network made ready for ``Model.fit``: with its loss, its optimizer and, where given, traced functions."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from evopose2d.config.schema import TrainConfig
from evopose2d.networks.architecture import Output
from evopose2d.networks.traced import TracedNetwork, TracedSegments, can_trace_apart
from evopose2d.training.losses import supervised_loss
from evopose2d.training.optimizer import AdamL2, convolution_kernels
from evopose2d.training.schedules import learning_rate


def trainable(
    network: keras.Model,
    config: TrainConfig,
    steps_per_epoch: int,
    *,
    outputs: Sequence[Output[Any]] = (),
    jit_compile: bool = False,
    traced: TracedSegments | None = None,
) -> keras.Model:
    """Give a network its loss and its optimizer, ready for ``Model.fit``; call it inside the accelerator's scope.

    Args:
        network: from images to heatmaps; shares its layers with the result, and is saved without an optimizer.
        config: the ``train`` section.
        steps_per_epoch: batches in an epoch.
        outputs: what is supervised; none: the network's output alone.
        jit_compile: whether XLA compiles the step.
        traced: functions to trace the step from where that is possible.
    """
    outputs = outputs or (Output(network.outputs[0]),)
    if jit_compile or len(outputs) > 1 or len(network.inputs) > 1 or not can_trace_apart():
        traced = None
    model = _TrainingModel(network, outputs, config.sigma, traced)
    optimizer = AdamL2(
        learning_rate(config, steps_per_epoch),
        l2=config.l2,
        decayed=convolution_kernels(model),
        accumulation=config.accumulation,
    )
    model.compile(optimizer=optimizer, jit_compile=jit_compile)
    optimizer.build(model.trainable_variables)
    return model


class _TrainingModel(keras.Model):
    """A model over a network's layers that computes its own loss, and in training runs by traced functions if given.

    For a loss that is given to ``compile``, Keras traces the forward pass once more before the first step.
    """

    def __init__(
        self, network: keras.Model, outputs: Sequence[Output[Any]], sigma: float, traced: TracedSegments | None
    ) -> None:
        super().__init__(network.inputs, [output.heatmaps for output in outputs], name="training")
        strides = [network.inputs[0].shape[1] // output.heatmaps.shape[1] for output in outputs]
        self._supervised_loss = supervised_loss(outputs, strides, sigma)
        self._traced = None if traced is None else TracedNetwork(network, traced)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Return the heatmaps (B, h, w, K) of each output for images (B, H, W, 3), or images and poses."""
        if self._traced is None or not training:
            return super().call(inputs, training=training, mask=mask)
        return [self._traced(inputs, training=True)]

    def make_train_function(self, force: bool = False) -> None:
        """Trace the step as one function; Keras's are three in each other, for what does not occur on one device."""
        if self._traced is None:
            super().make_train_function(force)
        elif self.train_function is None or force:
            import tensorflow as tf  # the other backends must not need it

            step = tf.function(self.train_step, autograph=False)
            self.train_function: Callable[[Iterator[Any]], Any] = lambda batches: step(next(batches))

    def compute_loss(
        self,
        x: Any = None,  # noqa: ANN401 - Keras's signature
        y: Any = None,  # noqa: ANN401
        y_pred: Any = None,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
        training: bool = True,
    ) -> Any:  # noqa: ANN401 - a tensor of the chosen backend
        """Return the mean loss of the batch; L2 is the optimizer's."""
        return self._supervised_loss(y, keras.tree.flatten(y_pred))

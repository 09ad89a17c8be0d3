"""Train a network: every epoch validated and saved, so that a killed run goes on where it stopped."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from evopose2d.accelerator import Accelerator
from evopose2d.config.schema import TrainConfig
from evopose2d.data.records import raise_if_corrupt
from evopose2d.errors import TrainingError
from evopose2d.feeding import Arrays, Shapes, SizedBatches, feed
from evopose2d.networks.architecture import Output
from evopose2d.networks.seeding import reseed
from evopose2d.networks.traced import TracedNetwork, TracedSegments, can_trace_apart
from evopose2d.progress import duration, progress_bar
from evopose2d.training.losses import supervised_loss
from evopose2d.training.optimizer import AdamL2, convolution_kernels
from evopose2d.training.result import EpochResult, TrainingResult
from evopose2d.training.schedules import learning_rate
from evopose2d.training.state import load_state, save_state
from evopose2d.weights import save_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingTask:
    """What to train, on what, and how it is judged.

    Attributes:
        network: from normalising images to heatmaps; built inside the accelerator's scope.
        batches: gives the batches of all epochs from the given one (counted from 0) to the last: uint8 images
            (B, H, W, 3), poses (B, K, 3) where the network is given them too, and keypoints (B, K, 3) in crop pixels.
        steps_per_epoch: optimizer steps in an epoch, of a batch each.
        validate: gives the network's loss and AP over the val people, as it is when called.
        config: the ``train`` section.
        outputs: what is supervised, heatmaps computed from the network's input, its own output last; none: its own
            output alone.
    """

    network: keras.Model
    batches: Callable[[int], SizedBatches]
    steps_per_epoch: int
    validate: Callable[[], tuple[float, float]]
    config: TrainConfig
    outputs: Sequence[Output[Any]] = ()


def train(
    task: TrainingTask,
    accelerator: Accelerator,
    folder: Path,
    on_epoch: Callable[[EpochResult], None] = lambda epoch: None,
    hopeless: Callable[[tuple[EpochResult, ...]], bool] = lambda epochs: False,
    on_step: Callable[[float], None] = lambda loss: None,
    *,
    resumable: bool = True,
    traced: TracedSegments | None = None,
) -> TrainingResult:
    """Train from the last saved epoch, or from the network's weights as they are, to the last epoch.

    Args:
        task: what to train.
        accelerator: the devices.
        folder: where this run, and no other, keeps its state and its best weights.
        on_epoch: told of every epoch once it is saved.
        hopeless: tells after each epoch, from all so far, whether to train no further.
        on_step: told of the loss, the mean over the epoch so far, after every batch, or part of one.
        resumable: save the state after each epoch, which waits for the disk.
        traced: functions of trainings before in this process, to start sooner; the result is the same. They are
            passed over where XLA compiles, in mixed precision, on several devices, and on other backends.

    Returns:
        Every epoch of the run, with the weights of the best one. The same inputs on the same device give the
        same result, however often the run was interrupted.

    Raises:
        DataError: the task's records are damaged.
        TrainingError: the loss of a step, or the val loss after an epoch, is not a finite number.
    """
    with accelerator.scope():
        jit_compile = accelerator.jit_compile
        model = trainable(
            task.network,
            task.config,
            task.steps_per_epoch,
            outputs=task.outputs,
            jit_compile=jit_compile,
            traced=traced,
        )
    state_file, best_weights = folder / "state.npz" if resumable else None, folder / "best.weights.h5"
    epochs = () if state_file is None else load_state(state_file, model)
    first_epoch = len(epochs)
    if first_epoch:
        logger.info("going on after epoch %d of %d", first_epoch, task.config.epochs)
    progress = _Progress(task, epochs, state_file, best_weights, on_epoch, hopeless, on_step)
    if first_epoch < task.config.epochs:
        with raise_if_corrupt():
            model.fit(
                feed(_Parts(task.batches(first_epoch), task.config.accumulation), _inputs_and_targets),
                epochs=task.config.epochs,
                initial_epoch=first_epoch,
                steps_per_epoch=task.steps_per_epoch * task.config.accumulation,
                callbacks=[progress],
                shuffle=False,
                verbose=0,
            )
    return TrainingResult(epochs=progress.epochs, best_weights=best_weights)


def _inputs_and_targets(*arrays: Any) -> tuple[Any, Any]:  # noqa: ANN401 - of any backend
    """Divide a batch into what the network is given, one array or several, and the keypoints."""
    *given, keypoints = arrays
    return given[0] if len(given) == 1 else tuple(given), keypoints


@dataclass(frozen=True)
class _Parts:
    """Batches in the parts that the network is given one after the other."""

    batches: SizedBatches
    number: int

    @property
    def shapes(self) -> Shapes:
        return [((size // self.number, *rest), kind) for (size, *rest), kind in self.batches.shapes]

    def __len__(self) -> int:
        return len(self.batches) * self.number

    def __iter__(self) -> Iterator[Arrays]:
        for batch in self.batches:
            yield from zip(*(np.split(array, self.number) for array in batch), strict=True)


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
        """Give the mean loss of the batch; L2 is the optimizer's."""
        return self._supervised_loss(y, keras.tree.flatten(y_pred))


class _Progress(keras.callbacks.Callback):
    """Measures, validates and saves each epoch."""

    def __init__(
        self,
        task: TrainingTask,
        epochs: tuple[EpochResult, ...],
        state_file: Path | None,
        best_weights: Path,
        on_epoch: Callable[[EpochResult], None],
        hopeless: Callable[[tuple[EpochResult, ...]], bool],
        on_step: Callable[[float], None],
    ) -> None:
        super().__init__()
        self.epochs = epochs
        self._task = task
        self._state_file = state_file
        self._best_weights = best_weights
        self._on_epoch = on_epoch
        self._hopeless = hopeless
        self._on_step = on_step
        self._parts_per_epoch = task.steps_per_epoch * task.config.accumulation
        self._started = 0.0
        self._bar: tqdm[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Make the epoch's randomness a function of its number, so that a resumed run repeats it."""
        reseed(self._task.network, self._task.config.seed + epoch)
        self._started = time.perf_counter()
        self._bar = progress_bar(f"epoch {epoch + 1}/{self._task.config.epochs}", self._parts_per_epoch, unit="step")

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Stop at the first loss that is not a number: nothing good can follow it."""
        loss = float((logs or {})["loss"])
        self._check("loss", loss, f"in epoch {len(self.epochs) + 1}, step {batch + 1}")
        self._on_step(loss)
        assert self._bar is not None
        self._bar.set_postfix_str(self._figures(loss, batch + 1), refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Validate; then save the weights if they are the best, and last the state that counts the epoch."""
        assert self._bar is not None
        self._bar.close()
        trained = time.perf_counter() - self._started
        val_loss, val_ap = self._task.validate()
        self._check("val loss", val_loss, f"after epoch {epoch + 1}")
        result = EpochResult(
            epoch=epoch + 1,
            loss=float((logs or {})["loss"]),
            val_loss=val_loss,
            val_ap=val_ap,
            learning_rate=self._last_learning_rate(),
            images_per_second=self._task.steps_per_epoch * self._task.config.batch_size / trained,
            seconds=time.perf_counter() - self._started,
        )
        if all(val_loss < earlier.val_loss for earlier in self.epochs):
            save_weights(self._task.network, self._best_weights)
        self.epochs = (*self.epochs, result)
        if self._state_file is not None:
            save_state(self._state_file, self.epochs, self.model)
        self._on_epoch(result)
        if self._hopeless(self.epochs):
            self.model.stop_training = True

    def _figures(self, loss: float, steps: int) -> str:
        """Describe how an epoch goes, after some of its steps."""
        seconds = (time.perf_counter() - self._started) / steps
        config = self._task.config
        ahead = (config.epochs - len(self.epochs)) * self._parts_per_epoch - steps
        images = config.batch_size / config.accumulation / seconds
        return f"loss {loss:.1f}, {images:.0f} images/s, {duration(ahead * seconds)} of training left"

    def _check(self, what: str, loss: float, when: str) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {what} became {loss} {when}; "
                f"lower train.learning_rate (now {self._task.config.learning_rate}) or use float32"
            )

    def _last_learning_rate(self) -> float:
        optimizer = self.model.optimizer
        return float(optimizer._learning_rate(keras.ops.convert_to_tensor(optimizer.iterations) - 1))

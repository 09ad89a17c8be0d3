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
from evopose2d.networks.traced import TracedSegments
from evopose2d.progress import duration, progress_bar
from evopose2d.training.model import trainable
from evopose2d.training.result import EpochResult, TrainingResult
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
        model = trainable(
            task.network,
            task.config,
            task.steps_per_epoch,
            outputs=task.outputs,
            jit_compile=accelerator.jit_compile,
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

"""Learning rate by step: linear scaling with the batch, warm-up, cosine or piecewise decay."""

from typing import Any

import keras
from keras import ops

from evopose2d.config.schema import TrainConfig

_BASE_BATCH = 32


def learning_rate(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Build the schedule of a training run.

    The peak is ``config.learning_rate`` x batch / 32. A linear warm-up reaches it after ``warmup_epochs``. Then the
    cosine falls to 0 at the last step, or the piecewise schedule to a tenth at each of ``drop_epochs``, which count
    from the first epoch.

    The original warms up from 32 / batch of the peak, the unscaled rate. Of a batch below 32 that is more than the
    peak; here its warm-up starts from batch / 32 of the peak instead. A batch of 32 has no difference to bridge.

    Args:
        config: the ``train`` section.
        steps_per_epoch: optimizer steps in an epoch.
    """
    scale = config.batch_size / _BASE_BATCH
    peak = config.learning_rate * scale
    start = peak * min(scale, 1 / scale)
    warmup_steps = config.warmup_epochs * steps_per_epoch
    if config.schedule == "piecewise":
        boundaries = [epoch * steps_per_epoch for epoch in config.drop_epochs]
        return _WarmedPiecewise(boundaries, peak, start, warmup_steps)
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, config.epochs * steps_per_epoch)
    return keras.optimizers.schedules.CosineDecay(
        start,
        config.epochs * steps_per_epoch - warmup_steps,
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )


class _WarmedPiecewise(keras.optimizers.schedules.PiecewiseConstantDecay):
    """Keras's piecewise schedule in tenths, with a linear warm-up in place of its first steps."""

    def __init__(self, boundaries: list[int], peak: float, start: float, warmup_steps: int) -> None:
        super().__init__(boundaries, [peak * 0.1**drop for drop in range(len(boundaries) + 1)])
        self._peak = peak
        self._start = start
        self._warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:  # noqa: ANN401 - a number or a tensor of any backend
        """Return the rate of a step, counted from 0."""
        decayed = super().__call__(step)
        if not self._warmup_steps:
            return decayed
        completed = ops.cast(step, "float32") / self._warmup_steps
        return ops.where(completed < 1, self._start + (self._peak - self._start) * completed, decayed)

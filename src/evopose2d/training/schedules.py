"""Learning rate by step: linear scaling with the batch, warm-up, cosine or piecewise decay."""

import keras

from evopose2d.config.schema import TrainConfig

_BASE_BATCH = 32


def learning_rate(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Build the schedule of a training run.

    The peak is ``config.learning_rate`` x batch / 32. The cosine falls to 0 at the last step, after a linear
    warm-up from the unscaled rate; the piecewise schedule falls to a tenth at each of ``drop_epochs``.

    Args:
        config: the ``train`` section.
        steps_per_epoch: optimizer steps in an epoch.
    """
    peak = config.learning_rate * config.batch_size / _BASE_BATCH
    if config.schedule == "piecewise":
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            boundaries=[epoch * steps_per_epoch for epoch in config.drop_epochs],
            values=[peak * 0.1**drop for drop in range(len(config.drop_epochs) + 1)],
        )
    if config.warmup_epochs == 0:
        return keras.optimizers.schedules.CosineDecay(peak, config.epochs * steps_per_epoch)
    return keras.optimizers.schedules.CosineDecay(
        config.learning_rate,
        (config.epochs - config.warmup_epochs) * steps_per_epoch,
        warmup_target=peak,
        warmup_steps=config.warmup_epochs * steps_per_epoch,
    )

"""Settings of a training that follow its data: no batch above the people, no warm-up above the epochs."""

from dataclasses import replace

from evopose2d.config.schema import TrainConfig


def fitted(
    train: TrainConfig, people: int, devices: int = 1, *, section: str = "train"
) -> tuple[TrainConfig, list[str]]:
    """Fit the settings of a training to few people and few epochs.

    Args:
        train: the settings.
        people: in the training records, at least 1.
        devices: that share a batch; a batch stays a multiple of them and of ``train.accumulation``.
        section: of ``params.yaml`` that sets the batch, for the lines.

    Returns:
        The settings to train with, and a line for each that had to change.
    """
    lines = []
    unit = devices * train.accumulation
    batch = max(people // unit, 1) * unit
    if train.batch_size > people and batch < train.batch_size:
        lines.append(f"{section}.batch_size: {train.batch_size} is more than the {people} people; batches of {batch}")
        train = replace(train, batch_size=batch)
    warmup = train.epochs - 1
    if train.warmup_epochs > warmup:
        lines.append(
            f"train.warmup_epochs: {train.warmup_epochs} must be less than train.epochs ({train.epochs}); "
            f"warming up for {warmup}"
        )
        train = replace(train, warmup_epochs=warmup)
    return train, lines

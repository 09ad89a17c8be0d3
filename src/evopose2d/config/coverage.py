"""What records of crops were cut for, held against what is to be made of them."""

from collections.abc import Sequence

from evopose2d.config.schema import AugmentationConfig, CropsConfig
from evopose2d.errors import ConfigError


def check_covered(
    crops: CropsConfig, input_shape: Sequence[int], augmentation: AugmentationConfig | None, holder: str
) -> None:
    """Refuse what would show more of a person's surroundings than was kept, or show it larger.

    Args:
        crops: what the records were cut for.
        input_shape: height and width of the network's crops in pixels.
        augmentation: how they are to be varied; None: not at all.
        holder: what says so, for the message: a folder of records, or a section of the settings.

    Raises:
        ConfigError: one line with the key, the value received, what is allowed and how to allow more.
    """
    height, width = crops.input_shape
    if input_shape[0] > height or input_shape[0] * width != input_shape[1] * height:
        allowed = f"at most {[height, width]} and of its aspect ratio"
        _refuse("model.input_shape", list(input_shape), allowed, holder, "input_shape")
    if augmentation is None:
        return
    if augmentation.scale > crops.scale:
        _refuse("train.augmentation.scale", augmentation.scale, f"at most {crops.scale}", holder, "scale")
    turns = augmentation.rotation_probability > 0
    if turns and augmentation.rotation > crops.rotation:
        _refuse("train.augmentation.rotation", augmentation.rotation, f"at most {crops.rotation}", holder, "rotation")
    if augmentation.half_body_probability > 0 and not crops.half_body:
        key = "train.augmentation.half_body_probability"
        _refuse(key, augmentation.half_body_probability, "0", holder, "half_body")


def _refuse(key: str, value: object, allowed: str, holder: str, mended_by: str) -> None:
    raise ConfigError(
        f"{key}: got {value}, must be {allowed}, for which {holder} has crops; "
        f"change write_tfrecords.crops.{mended_by} and write the records again (dvc repro, or write-tfrecords)"
    )

"""Values of ``params.yaml`` that have the right type but cannot be."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from evopose2d.config.coverage import check_covered
from evopose2d.config.pinned import read_pinned
from evopose2d.config.schema import (
    ARCHITECTURE_KEYS,
    VARIANTS,
    DatasetConfig,
    EvolveConfig,
    ModelConfig,
    Params,
    TrainConfig,
    ValidateConfig,
)
from evopose2d.errors import ConfigError
from evopose2d.genotype import Genotype, PaperSpace
from evopose2d.keypoints import COCO_PERSON, KeypointSchema, schema_from_category

_COCO_SOURCES = ("synthetic", "coco2017")


def check_params(params: Params) -> None:
    """Check each value by its field's limits, then those that depend on each other.

    Raises:
        ConfigError: one line with the key, the value received and what is allowed.
    """
    _check_limits(params)
    _check_model(params.model)
    _check_training(params.train)
    for section, config in (("train", params.train), ("evolve", params.evolve)):
        _check_accumulation(section, config.batch_size, config.accumulation)
    _check_validation(params.validate)
    _check_search(params.evolve)
    if params.write_tfrecords.content == "crops":
        holder = "write_tfrecords.crops"
        check_covered(params.write_tfrecords.crops, params.model.input_shape, params.train.augmentation, holder)
    if params.dataset.source in _COCO_SOURCES:
        check_dataset(params.dataset, params.train, COCO_PERSON)


def check_model(model: ModelConfig) -> None:
    """Check section ``model`` by itself.

    Raises:
        ConfigError: one line with the key, the value received and what is allowed.
    """
    _check_limits(model, "model.")
    _check_model(model)


def check_dataset(dataset: DatasetConfig, train: TrainConfig, keypoints: KeypointSchema) -> None:
    """Check the keys that name keypoints, once the dataset's own keypoints are known.

    Raises:
        ConfigError: a key names no keypoint, or half-body crops are asked for where no upper body is known.
    """
    schema = schema_from_category(
        {"keypoints": keypoints.names}, dataset.flip_pairs, dataset.sigmas, dataset.upper_body
    )
    if train.augmentation.half_body_probability > 0 and not schema.upper_body:
        raise ConfigError(
            "train.augmentation.half_body_probability: must be 0 unless dataset.upper_body names keypoints"
        )


def _check_limits(section: Any, prefix: str = "") -> None:  # noqa: ANN401 - any dataclass
    for item in fields(section):
        value = getattr(section, item.name)
        key = f"{prefix}{item.name}"
        if is_dataclass(value):
            _check_limits(value, f"{key}.")
            continue
        limits = item.metadata
        if "length" in limits and len(value) != limits["length"]:
            raise ConfigError(f"{key}: got {value}, must be {limits['length']} values")
        for leaf in _leaves(value):
            if not _within(leaf, limits):
                raise ConfigError(f"{key}: got {leaf!r}, must be {_allowed(limits)}")


def _leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any value
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    elif value is not None:
        yield value


def _within(value: Any, limits: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any value
    return (
        value in limits.get("choices", (value,))
        and ("minimum" not in limits or value >= limits["minimum"])
        and ("maximum" not in limits or value <= limits["maximum"])
        and ("above" not in limits or value > limits["above"])
        and ("multiple_of" not in limits or value % limits["multiple_of"] == 0)
    )


def _allowed(limits: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "above": "greater than {}",
        "multiple_of": "a multiple of {}",
    }
    if "choices" in limits:
        return "one of " + ", ".join(limits["choices"])
    return " and ".join(text.format(limits[name]) for name, text in words.items() if name in limits)


def _check_model(model: ModelConfig) -> None:
    _check_architecture(model)
    if model.genotype is None:
        return
    try:
        genotype = Genotype.from_lists(model.genotype)
    except ValueError as error:
        raise ConfigError(f"model.genotype: {error}") from None
    halvings = 1 + sum(block.stride == 2 for block in genotype.blocks)
    if model.head_blocks is not None and model.head_blocks > halvings:
        raise ConfigError(
            f"model.head_blocks: got {model.head_blocks}, must be at most {halvings}, "
            "the number of times that the genotype halves the resolution"
        )


def _check_architecture(model: ModelConfig) -> None:
    """Hold the keys that belong to some architectures alone against the one that is named."""
    own = ARCHITECTURE_KEYS[model.architecture]
    where = f"where model.architecture is {model.architecture}"
    for key in sorted({key for keys in ARCHITECTURE_KEYS.values() for key in keys}):
        value = getattr(model, key)
        if key not in own and value is not None:
            raise ConfigError(
                f"model.{key}: got {value!r}, must be null {where}; "
                "`evopose2d networks use NAME` sets all keys of a published network"
            )
        if key in own and value is None:
            allowed = f"one of {', '.join(VARIANTS[model.architecture])}" if key == "variant" else "set"
            raise ConfigError(f"model.{key}: got null, must be {allowed} {where}")
    variants = VARIANTS.get(model.architecture, ())
    if "variant" in own and model.variant not in variants:
        raise ConfigError(f"model.variant: got {model.variant!r}, must be one of {', '.join(variants)} {where}")


def _check_training(train: TrainConfig) -> None:
    if train.warmup_epochs >= train.epochs:
        raise ConfigError(
            f"train.warmup_epochs: got {train.warmup_epochs}, must be less than train.epochs ({train.epochs})"
        )
    if train.drop_epochs != sorted(set(train.drop_epochs)):
        raise ConfigError(f"train.drop_epochs: got {train.drop_epochs}, must be in rising order")
    if train.initial_weights is not None:
        read_pinned("train.initial_weights", train.initial_weights)


def _check_accumulation(section: str, batch_size: int, accumulation: int) -> None:
    if batch_size % accumulation:
        raise ConfigError(
            f"{section}.accumulation: got {accumulation}, must divide {section}.batch_size ({batch_size}) without rest"
        )


def _check_validation(validate: ValidateConfig) -> None:
    if validate.split == "test-dev" and validate.boxes != "detections":
        raise ConfigError(
            f"validate.boxes: got {validate.boxes!r}, must be detections where validate.split is test-dev"
        )


def _check_search(evolve: EvolveConfig) -> None:
    if evolve.initial_weights is not None:
        read_pinned("evolve.initial_weights", evolve.initial_weights)
    space = evolve.space
    try:
        ancestor = Genotype.from_lists(evolve.ancestor)
    except ValueError as error:
        raise ConfigError(f"evolve.ancestor: {error}") from None
    try:
        PaperSpace(
            ancestor,
            kernels=tuple(space.kernels),
            repeats=(space.repeats[0], space.repeats[1]),
            stride_blocks=space.stride_blocks,
            strided=(space.strided[0], space.strided[1]),
        )
    except ValueError as error:
        message = str(error)
        raise ConfigError(f"evolve.{'' if message.startswith('ancestor') else 'space.'}{message}") from None
    if evolve.stopping != "none" and evolve.selection not in ("fitness", "aging"):
        raise ConfigError(
            f"evolve.stopping: got {evolve.stopping!r}, must be none with evolve.selection {evolve.selection!r}: "
            "children are stopped by their fitness"
        )
    if evolve.schedule == "generational" and evolve.children % evolve.parents:
        raise ConfigError(
            f"evolve.parents: got {evolve.parents}, must divide evolve.children ({evolve.children}) where "
            "evolve.schedule is generational"
        )

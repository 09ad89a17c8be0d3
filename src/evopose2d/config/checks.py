"""Values of ``params.yaml`` that have the right type but cannot be."""

from dataclasses import asdict

from evopose2d.config.coverage import check_covered
from evopose2d.config.pinned import read_pinned
from evopose2d.config.schema import (
    DatasetConfig,
    EvolveConfig,
    Params,
    TrainConfig,
    ValidateConfig,
)
from evopose2d.errors import ConfigError
from evopose2d.genotype import Genotype, PaperSpace
from evopose2d.keypoints import COCO_PERSON, KeypointSchema, schema_from_category
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import architecture_of
from evopose2d.settings import read_section

_COCO_SOURCES = ("synthetic", "coco2017")


def check_params(params: Params) -> None:
    """Check the values that depend on each other.

    Raises:
        ConfigError: one line with the key, the value received and what is allowed.
    """
    architecture_of(params.model).check(params.model)
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
    architecture_of(model).check(read_section(type(model), asdict(model), "model."))


def check_dataset(dataset: DatasetConfig, train: TrainConfig, keypoints: KeypointSchema) -> None:
    """Check the keys that name keypoints, once the dataset's own keypoints are known.

    Raises:
        ConfigError: a key names no keypoint, or half-body crops are asked for where no upper body is known.
    """
    schema = schema_from_category(keypoints.category, dataset.flip_pairs, dataset.sigmas, dataset.upper_body)
    if train.augmentation.half_body_probability > 0 and not schema.upper_body:
        raise ConfigError(
            "train.augmentation.half_body_probability: must be 0 unless dataset.upper_body names keypoints"
        )


def _check_training(train: TrainConfig) -> None:
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
            ancestor if space.kind == "paper" else Genotype(ancestor.blocks),
            kernels=tuple(space.kernels),
            repeats=(space.repeats[0], space.repeats[1]),
            stride_blocks=space.stride_blocks,
            strided=(space.strided[0], space.strided[1]),
        )
    except ValueError as error:
        message = str(error)
        raise ConfigError(f"evolve.{'' if message.startswith('ancestor') else 'space.'}{message}") from None
    _check_stopping(evolve)
    _check_latency(evolve)
    if evolve.schedule == "generational" and evolve.children % evolve.parents:
        raise ConfigError(
            f"evolve.parents: got {evolve.parents}, must divide evolve.children ({evolve.children}) where "
            "evolve.schedule is generational"
        )


def _check_stopping(evolve: EvolveConfig) -> None:
    if evolve.stopping == "none":
        return
    if evolve.selection not in ("fitness", "aging"):
        ranks = f"evolve.selection {evolve.selection!r}"
    elif evolve.objectives != ["fitness"]:
        ranks = f"evolve.objectives {', '.join(evolve.objectives)}"
    else:
        return
    raise ConfigError(
        f"evolve.stopping: got {evolve.stopping!r}, must be none with {ranks}: children are stopped by their fitness"
    )


def _check_latency(evolve: EvolveConfig) -> None:
    latency = evolve.latency
    if latency.source == "none" and "latency" in (*evolve.objectives, evolve.selection):
        raise ConfigError(
            "evolve.latency.source: got 'none', must be onnx, tflite, command or table where latency is an objective"
        )
    if latency.source != "table" and (latency.source == "command") != (latency.command is not None):
        needed = "name one with {model}" if latency.source == "command" else "be null"
        raise ConfigError(
            f"evolve.latency.command: got {latency.command!r}, must {needed} where evolve.latency.source is "
            f"{latency.source}"
        )
    if latency.command is not None and "{model}" not in latency.command:
        raise ConfigError(f"evolve.latency.command: got {latency.command!r}, must hold {{model}}, the file to measure")

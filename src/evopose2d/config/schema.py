"""The sections of ``params.yaml`` as frozen dataclasses.

Defaults live in ``params.yaml`` alone, so that what is tracked is what runs. Annotations say what values may be;
``checks`` knows what depends on each other. A type that admits ``None`` may be left ``null``. Section ``model`` is of
the class that its architecture brings.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.networks.architecture import ModelConfig
from evopose2d.settings import (
    Amount,
    Count,
    Integer,
    Positive,
    PositiveAmount,
    Section,
    Shape,
    Share,
    Text,
    one_of,
)

Epochs = Annotated[Positive, Field(le=100_000)]  # seeds of all epochs are drawn before the first


@dataclass(frozen=True)
class SyntheticConfig(Section):
    """The drawn dataset (``dataset.synthetic``)."""

    seed: Count
    train_images: Positive
    val_images: Positive
    test_images: Count


@dataclass(frozen=True)
class SplitConfig(Section):
    """How a source without val split is divided (``dataset.split``)."""

    val: Annotated[PositiveAmount, Field(le=0.9)]
    seed: Count


@dataclass(frozen=True)
class DatasetConfig(Section):
    """Which images and keypoints (``dataset``)."""

    source: Text
    root: Text
    format: Text | None
    category: Text | None
    box_from: Annotated[str, one_of("annotations", "keypoints")]
    flip_pairs: list[list[str]] | None
    sigmas: list[PositiveAmount] | None
    upper_body: list[str] | None
    split: SplitConfig
    synthetic: SyntheticConfig


@dataclass(frozen=True)
class AcceleratorConfig(Section):
    """Where and in which precision networks run (``accelerator``)."""

    device: Annotated[str, one_of("auto", "cpu", "gpu", "tpu")]
    precision: Annotated[str, one_of("float32", "bfloat16")]
    xla: Annotated[str, one_of("auto", "always", "never")]


@dataclass(frozen=True)
class DownloadConfig(Section):
    """The ``download`` stage."""

    archives: Annotated[str, one_of("remove", "keep")]
    subset_images: Count
    test_dev: bool
    detections: Text | None
    mirror: Text | None


@dataclass(frozen=True)
class CropsConfig(Section):
    """What records of crops cover (``write_tfrecords.crops``): training may use as much of it as it likes."""

    input_shape: Shape
    scale: Annotated[Amount, Field(le=0.9)]
    rotation: Annotated[Amount, Field(le=180.0)]
    half_body: bool
    quality: Annotated[Positive, Field(le=100)]


@dataclass(frozen=True)
class RecordsConfig(Section):
    """The ``write_tfrecords`` stage."""

    root: Text
    people_per_shard: Positive
    bad_images: Annotated[str, one_of("error", "skip")]
    workers: Count
    seed: Count
    content: Annotated[str, one_of("images", "crops")]
    crops: CropsConfig


@dataclass(frozen=True)
class AugmentationConfig(Section):
    """Random changes of a training crop (``train.augmentation``)."""

    flip_probability: Share
    scale: Annotated[Amount, Field(le=0.9)]
    rotation: Annotated[Amount, Field(le=180.0)]
    rotation_probability: Share
    half_body_probability: Share
    half_body_keypoints: Positive


@dataclass(frozen=True)
class TrainConfig(Section):
    """The ``train`` stage."""

    seed: Count
    epochs: Epochs
    batch_size: Positive
    accumulation: Positive
    learning_rate: PositiveAmount
    schedule: Annotated[str, one_of("cosine", "piecewise")]
    warmup_epochs: Count
    drop_epochs: list[Positive]
    l2: Amount
    sigma: PositiveAmount
    initial_weights: Text | None
    augmentation: AugmentationConfig


@dataclass(frozen=True)
class ValidateConfig(Section):
    """The ``validate`` stage."""

    split: Annotated[str, one_of("val", "test-dev")]
    boxes: Annotated[str, one_of("annotations", "detections")]
    flip_test: bool
    decoding: Annotated[str, one_of("quarter-pixel", "dark")]
    coordinates: Annotated[str, one_of("original", "exact", "udp")]
    batch_size: Positive
    keypoint_score_threshold: Share
    box_score_threshold: Share
    nms: Annotated[str, one_of("none", "oks", "soft-oks")]
    nms_threshold: Share
    pictures: Count


@dataclass(frozen=True)
class SpaceConfig(Section):
    """The genotypes that a search may visit (``evolve.space``); channels go up to the ancestor's."""

    kind: Text
    kernels: list[Positive]
    repeats: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    stride_blocks: Annotated[Count, Field(le=7)]
    strided: Annotated[list[Annotated[Count, Field(le=7)]], Field(min_length=2, max_length=2)]
    head_blocks: list[Annotated[Count, Field(le=5)]]
    head_channels: list[Positive]
    expansion: list[Positive]
    squeeze: list[Positive]


@dataclass(frozen=True)
class LatencyConfig(Section):
    """How long a prediction takes on the device that the search is for (``evolve.latency``)."""

    source: Annotated[str, one_of("none", "onnx", "tflite", "command", "table")]
    threads: Positive
    command: Text | None
    format: Annotated[str, one_of("onnx", "tflite")]
    checks: Annotated[Positive, Field(ge=3)]


@dataclass(frozen=True)
class EvolveConfig(Section):
    """The search (``evolve``); what it does not set, it takes from ``model`` and ``train``."""

    root: Text
    seed: Count
    schedule: Annotated[str, one_of("generational", "steady-state")]
    selection: Text
    objectives: list[str]
    generations: Count
    children: Positive
    parents: Positive
    population: Positive
    tournament: Positive
    screening: Positive
    mutations: Annotated[Amount, Field(ge=1.0)]
    ancestor: list[list[Integer]]
    initial_weights: Text | None
    ancestor_epochs: Epochs
    child_epochs: Epochs
    batch_size: Positive
    accumulation: Positive
    learning_rate: PositiveAmount
    flip_probability: Share
    inheritance: Annotated[str, one_of("function-preserving", "original", "none")]
    target_parameters: PositiveAmount
    size_exponent: Annotated[float, Field(strict=True, le=0.0)]
    max_parameters: Positive | None
    max_multiply_adds: Positive | None
    workers: Count
    threads: Positive
    cpus: PositiveAmount
    gpus: Amount
    tpus: Amount
    ray_address: Text | None
    attempts: Positive
    tasks_per_worker: Positive
    max_hours: Amount
    hang_factor: Amount
    stopping: Annotated[str, one_of("none", "percentile")]
    stopping_percentile: Annotated[Amount, Field(le=100.0)]
    stopping_epochs: Positive
    cache_megabytes: Count
    controls: bool
    finalists: Count
    final_epochs: Epochs
    final_seeds: Annotated[Positive, Field(le=10)]
    random_numbers: Annotated[str, one_of("common", "individual")]
    space: SpaceConfig
    latency: LatencyConfig


@dataclass(frozen=True)
class TrackingConfig(Section):
    """Where runs are logged (``tracking``)."""

    uri: Text | None
    experiment: Text
    log_model: bool


@dataclass(frozen=True)
class Params(Section):
    """All of ``params.yaml``."""

    dataset: DatasetConfig
    model: ModelConfig
    accelerator: AcceleratorConfig
    download: DownloadConfig
    write_tfrecords: RecordsConfig
    train: TrainConfig
    validate: ValidateConfig
    evolve: EvolveConfig
    tracking: TrackingConfig

"""The sections of ``params.yaml`` as frozen dataclasses.

Defaults live in ``params.yaml`` alone, so that what is tracked is what runs. Each field's metadata holds the
values that it allows; ``checks`` enforces them. A type that admits ``None`` may be left ``null``. Section ``model`` is
of the class that its architecture brings.
"""

from dataclasses import dataclass, field

from evopose2d.limits import allowed as _allowed
from evopose2d.networks.architecture import ModelConfig

_MOST_EPOCHS = 100_000  # seeds of all epochs are drawn before the first


@dataclass(frozen=True)
class SyntheticConfig:
    """The drawn dataset (``dataset.synthetic``)."""

    seed: int = _allowed(minimum=0)
    train_images: int = _allowed(minimum=1)
    val_images: int = _allowed(minimum=1)
    test_images: int = _allowed(minimum=0)


@dataclass(frozen=True)
class SplitConfig:
    """How a source without val split is divided (``dataset.split``)."""

    val: float = _allowed(above=0.0, maximum=0.9)
    seed: int = _allowed(minimum=0)


@dataclass(frozen=True)
class DatasetConfig:
    """Which images and keypoints (``dataset``)."""

    source: str = _allowed()
    root: str = _allowed()
    format: str | None = _allowed()
    category: str | None = _allowed()
    box_from: str = _allowed(choices=("annotations", "keypoints"))
    flip_pairs: list[list[str]] | None = _allowed()
    sigmas: list[float] | None = _allowed(above=0.0)
    upper_body: list[str] | None = _allowed()
    split: SplitConfig = field(default_factory=SplitConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)


@dataclass(frozen=True)
class AcceleratorConfig:
    """Where and in which precision networks run (``accelerator``)."""

    device: str = _allowed(choices=("auto", "cpu", "gpu", "tpu"))
    precision: str = _allowed(choices=("float32", "bfloat16"))
    xla: str = _allowed(choices=("auto", "always", "never"))


@dataclass(frozen=True)
class DownloadConfig:
    """The ``download`` stage."""

    archives: str = _allowed(choices=("remove", "keep"))
    subset_images: int = _allowed(minimum=0)
    test_dev: bool = _allowed()
    detections: str | None = _allowed()
    mirror: str | None = _allowed()


@dataclass(frozen=True)
class CropsConfig:
    """What records of crops cover (``write_tfrecords.crops``): training may use as much of it as it likes."""

    input_shape: list[int] = _allowed(minimum=32, multiple_of=32, length=2)
    scale: float = _allowed(minimum=0.0, maximum=0.9)
    rotation: float = _allowed(minimum=0.0, maximum=180.0)
    half_body: bool = _allowed()
    quality: int = _allowed(minimum=1, maximum=100)


@dataclass(frozen=True)
class RecordsConfig:
    """The ``write_tfrecords`` stage."""

    root: str = _allowed()
    people_per_shard: int = _allowed(minimum=1)
    bad_images: str = _allowed(choices=("error", "skip"))
    workers: int = _allowed(minimum=0)
    seed: int = _allowed(minimum=0)
    content: str = _allowed(choices=("images", "crops"))
    crops: CropsConfig = field(default_factory=CropsConfig)


@dataclass(frozen=True)
class AugmentationConfig:
    """Random changes of a training crop (``train.augmentation``)."""

    flip_probability: float = _allowed(minimum=0.0, maximum=1.0)
    scale: float = _allowed(minimum=0.0, maximum=0.9)
    rotation: float = _allowed(minimum=0.0, maximum=180.0)
    rotation_probability: float = _allowed(minimum=0.0, maximum=1.0)
    half_body_probability: float = _allowed(minimum=0.0, maximum=1.0)
    half_body_keypoints: int = _allowed(minimum=1)


@dataclass(frozen=True)
class TrainConfig:
    """The ``train`` stage."""

    seed: int = _allowed(minimum=0)
    epochs: int = _allowed(minimum=1, maximum=_MOST_EPOCHS)
    batch_size: int = _allowed(minimum=1)
    accumulation: int = _allowed(minimum=1)
    learning_rate: float = _allowed(above=0.0)
    schedule: str = _allowed(choices=("cosine", "piecewise"))
    warmup_epochs: int = _allowed(minimum=0)
    drop_epochs: list[int] = _allowed(minimum=1)
    l2: float = _allowed(minimum=0.0)
    sigma: float = _allowed(above=0.0)
    initial_weights: str | None = _allowed()
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass(frozen=True)
class ValidateConfig:
    """The ``validate`` stage."""

    split: str = _allowed(choices=("val", "test-dev"))
    boxes: str = _allowed(choices=("annotations", "detections"))
    flip_test: bool = _allowed()
    decoding: str = _allowed(choices=("quarter-pixel", "dark"))
    coordinates: str = _allowed(choices=("original", "exact", "udp"))
    batch_size: int = _allowed(minimum=1)
    keypoint_score_threshold: float = _allowed(minimum=0.0, maximum=1.0)
    box_score_threshold: float = _allowed(minimum=0.0, maximum=1.0)
    nms: str = _allowed(choices=("none", "oks", "soft-oks"))
    nms_threshold: float = _allowed(minimum=0.0, maximum=1.0)
    pictures: int = _allowed(minimum=0)


@dataclass(frozen=True)
class SpaceConfig:
    """The genotypes that a search may visit (``evolve.space``); channels go up to the ancestor's."""

    kind: str = _allowed()
    kernels: list[int] = _allowed(minimum=1)
    repeats: list[int] = _allowed(minimum=1, length=2)
    stride_blocks: int = _allowed(minimum=0, maximum=7)
    strided: list[int] = _allowed(minimum=0, maximum=7, length=2)
    head_blocks: list[int] = _allowed(minimum=0, maximum=5)
    head_channels: list[int] = _allowed(minimum=1)
    expansion: list[int] = _allowed(minimum=1)
    squeeze: list[int] = _allowed(minimum=1)


@dataclass(frozen=True)
class LatencyConfig:
    """How long a prediction takes on the device that the search is for (``evolve.latency``)."""

    source: str = _allowed(choices=("none", "onnx", "tflite", "command", "table"))
    threads: int = _allowed(minimum=1)
    command: str | None = _allowed()
    format: str = _allowed(choices=("onnx", "tflite"))
    checks: int = _allowed(minimum=3)


@dataclass(frozen=True)
class EvolveConfig:
    """The search (``evolve``); what it does not set, it takes from ``model`` and ``train``."""

    root: str = _allowed()
    seed: int = _allowed(minimum=0)
    schedule: str = _allowed(choices=("generational", "steady-state"))
    selection: str = _allowed()
    objectives: list[str] = _allowed()
    generations: int = _allowed(minimum=0)
    children: int = _allowed(minimum=1)
    parents: int = _allowed(minimum=1)
    population: int = _allowed(minimum=1)
    tournament: int = _allowed(minimum=1)
    screening: int = _allowed(minimum=1)
    mutations: float = _allowed(minimum=1.0)
    ancestor: list[list[int]] = _allowed()
    initial_weights: str | None = _allowed()
    ancestor_epochs: int = _allowed(minimum=1, maximum=_MOST_EPOCHS)
    child_epochs: int = _allowed(minimum=1, maximum=_MOST_EPOCHS)
    batch_size: int = _allowed(minimum=1)
    accumulation: int = _allowed(minimum=1)
    learning_rate: float = _allowed(above=0.0)
    flip_probability: float = _allowed(minimum=0.0, maximum=1.0)
    inheritance: str = _allowed(choices=("function-preserving", "original", "none"))
    target_parameters: float = _allowed(above=0.0)
    size_exponent: float = _allowed(maximum=0.0)
    max_parameters: int | None = _allowed(minimum=1)
    max_multiply_adds: int | None = _allowed(minimum=1)
    workers: int = _allowed(minimum=0)
    threads: int = _allowed(minimum=1)
    cpus: float = _allowed(above=0.0)
    gpus: float = _allowed(minimum=0.0)
    tpus: float = _allowed(minimum=0.0)
    ray_address: str | None = _allowed()
    attempts: int = _allowed(minimum=1)
    tasks_per_worker: int = _allowed(minimum=1)
    max_hours: float = _allowed(minimum=0.0)
    hang_factor: float = _allowed(minimum=0.0)
    stopping: str = _allowed(choices=("none", "percentile"))
    stopping_percentile: float = _allowed(minimum=0.0, maximum=100.0)
    stopping_epochs: int = _allowed(minimum=1)
    cache_megabytes: int = _allowed(minimum=0)
    controls: bool = _allowed()
    finalists: int = _allowed(minimum=0)
    final_epochs: int = _allowed(minimum=1, maximum=_MOST_EPOCHS)
    final_seeds: int = _allowed(minimum=1, maximum=10)
    random_numbers: str = _allowed(choices=("common", "individual"))
    space: SpaceConfig = field(default_factory=SpaceConfig)
    latency: LatencyConfig = field(default_factory=LatencyConfig)


@dataclass(frozen=True)
class TrackingConfig:
    """Where runs are logged (``tracking``)."""

    uri: str | None = _allowed()
    experiment: str = _allowed()
    log_model: bool = _allowed()


@dataclass(frozen=True)
class Params:
    """All of ``params.yaml``."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    accelerator: AcceleratorConfig = field(default_factory=AcceleratorConfig)
    download: DownloadConfig = field(default_factory=DownloadConfig)
    write_tfrecords: RecordsConfig = field(default_factory=RecordsConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    validate: ValidateConfig = field(default_factory=ValidateConfig)
    evolve: EvolveConfig = field(default_factory=EvolveConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

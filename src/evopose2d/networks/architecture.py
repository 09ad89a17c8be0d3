"""What a network family is to the rest of the package: one class, registered under its name.

A family brings its keys of section ``model``, its description as a function of operations, and what only it can know
of pretrained weights, of weight files, and of genotypes. Building, counting, training, validation, conversion, export
and the list of published networks use it through this interface alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from evopose2d.errors import ConfigError
from evopose2d.networks.operations import Features, Operations
from evopose2d.networks.recording import Recording, RecordingOperations
from evopose2d.networks.recording import Shape as LayerShape
from evopose2d.networks.weight_file import WeightFile
from evopose2d.settings import Positive, Section, Shape

_COLOURS = 3


@dataclass(frozen=True)
class ModelConfig(Section):
    """Section ``model``: the keys of every architecture, to which each adds its own in a subclass.

    Attributes:
        architecture: name of the family.
        input_shape: [H, W] of a person's crop in pixels.
        final_kernel: kernel side of the last convolution in pixels.
    """

    architecture: str
    input_shape: Shape
    final_kernel: Annotated[Positive, Field(le=7)]


Config = TypeVar("Config", bound=ModelConfig)


@dataclass(frozen=True)
class Output(Generic[Features]):
    """Heatmaps that a network computes, and how training supervises them.

    Attributes:
        heatmaps: (B, h, w, K).
        weight: of its loss in the sum of all outputs' losses.
        sigma: standard deviation of its targets, as a factor of ``train.sigma``.
        hardest: count only this many keypoints of each person, those of largest error (online hard keypoint
            mining, arXiv 1711.07319); 0: all.
    """

    heatmaps: Features
    weight: float = 1.0
    sigma: float = 1.0
    hardest: int = 0


@dataclass(frozen=True)
class PoseInput:
    """A pose that a network is given beside each crop, to refine it.

    Attributes:
        sigma: standard deviation in crop pixels of the Gaussians as which it is drawn.
        errors: how much more often than PoseFix (arXiv 1812.03595) has it keypoints are wrong in the poses of training;
            0: these are the labels.
    """

    sigma: float
    errors: float


@dataclass(frozen=True)
class ImageNetWeights:
    """A weight file that Keras publishes of a network trained on ImageNet, and how a pose network uses it.

    Attributes:
        name: of the file.
        address: whence it is fetched.
        md5: its checksum, the only one that Keras gives.
        network: whose weights they are, such as ``an EfficientNet``.
        prefixes: of the names of the layers that are used.
        first: the layer that reads the colours.
        in_bgr: whether it was trained on blue, green, red without a division by their deviations.
        copies: prefixes under which the pose network has those layers once more.
    """

    name: str
    address: str
    md5: str
    network: str
    prefixes: tuple[str, ...]
    first: str
    in_bgr: bool = False
    copies: tuple[str, ...] = ()


class Architecture(ABC, Generic[Config]):
    """A network family.

    Attributes:
        config: its settings, a frozen dataclass that extends ``ModelConfig``.
    """

    config: ClassVar[type[ModelConfig]]

    @abstractmethod
    def outputs(
        self, operations: Operations[Features], images: Features, model: Config, keypoints: int
    ) -> Sequence[Output[Features]]:
        """Describe the network: apply operations to normalised images (B, H, W, 3).

        Args:
            operations: what to do at each layer: build it, count it, ...
            images: normalised; with a pose (``pose_input``) followed by its K drawn keypoints, (B, H, W, 3 + K).
            model: checked settings.
            keypoints: K.

        Returns:
            What is supervised in training; the last one is the prediction, its layer named ``final_conv``.

        Raises:
            ConfigError: the settings fit no network.
        """

    def pose_input(self, model: Config) -> PoseInput | None:
        """Return what pose a network refines; None: it sees images alone."""
        return None

    def channels(self, model: Config, keypoints: int) -> int:
        """Return the channels of what ``outputs`` is given."""
        return _COLOURS if self.pose_input(model) is None else _COLOURS + keypoints

    def recorded(self, model: Config, keypoints: int) -> tuple[Recording, Sequence[Output[LayerShape]]]:
        """Return a network's layers and the shapes of its outputs, without building it.

        Raises:
            ConfigError: the settings fit no network.
        """
        operations = RecordingOperations()
        height, width = model.input_shape
        images = operations.images(height, width, self.channels(model, keypoints))
        outputs = self.outputs(operations, images, model, keypoints)
        return operations.recording(), outputs

    def phenotype(self, model: Config, keypoints: int) -> Hashable:
        """Return what tells networks apart in a search: equal where two settings build the same network.

        Raises:
            ConfigError: the settings fit no network.
        """
        layers = self.recorded(model, keypoints)[0].layers
        return tuple((layer.name, layer.operations, tuple(layer.weights.items())) for layer in layers)

    def check(self, model: Config) -> None:
        """Check the keys that depend on each other, after each was checked by its own limits.

        Raises:
            ConfigError: one line with the key, the value received and what is allowed.
        """

    def imagenet_weights(self, model: Config) -> ImageNetWeights | None:
        """Return which of Keras's ImageNet weights a network can start from; None: none."""
        return None

    def infer(self, file: WeightFile) -> Config | None:
        """Return the settings of the network that a weight file is of; None: it is of no such network.

        Raises:
            WeightsError: it is of such a network, but of which one cannot be told.
        """
        return None

    def with_genotype(self, model: Config, genotype: list[list[int]]) -> Config:
        """Return the settings of the network that a genotype builds, others as they are.

        Raises:
            ConfigError: networks of this family have no genotype.
        """
        if "genotype" not in {item.name for item in fields(model)}:
            raise ConfigError(
                f"model.architecture: got {model.architecture!r}, must be one that has a genotype, such as evopose2d, "
                "for a search"
            )
        changes: dict[str, Any] = {"genotype": genotype}
        return replace(model, **changes)

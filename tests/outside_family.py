"""A network family that lies in another package, as a user's would: two outputs, settings of its own."""

from pathlib import Path

CODE = """
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from evopose2d.errors import ConfigError
from evopose2d.settings import Positive
from evopose2d.networks.architecture import Architecture, ModelConfig, Output


@dataclass(frozen=True)
class ToyConfig(ModelConfig):
    width: Annotated[Positive, Field(le=64)]


class Toy(Architecture[ToyConfig]):
    config = ToyConfig

    def outputs(self, operations, images, model, keypoints):
        features = images
        for number in (1, 2):
            features = operations.convolution(features, f"conv{number}", model.width, 3, 2)
            features = operations.normalised_swish(features, f"bn{number}")
        coarse = operations.heatmaps(features, "coarse_conv", keypoints, 1)
        final = operations.heatmaps(features, "final_conv", keypoints, model.final_kernel)
        return [Output(coarse, weight=0.5, sigma=2.0), Output(final)]

    def check(self, model):
        if model.width % 2:
            raise ConfigError(f"model.width: got {model.width}, must be even")

    def infer(self, file):
        if "conv2" not in file.shapes:
            return None
        return ToyConfig("toy", list(file.input_shape), file.final_kernel, file.channels("conv2"))
"""


def install(site: Path, target: str = "toy_family:Toy") -> None:
    """Write the package and its entry point into a folder, as pip would."""
    (site / "toy_family.py").write_text(CODE)
    metadata = site / "toy_family-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[evopose2d.architectures]\ntoy = {target}\n")

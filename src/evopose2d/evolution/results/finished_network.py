"""The network of a trained individual, as the search left it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import SearchArchive
from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import read_model

if TYPE_CHECKING:
    from evopose2d.stages.pose_model import PoseModel


@dataclass(frozen=True)
class FinishedNetwork:
    """What is needed to build it.

    Attributes:
        model: what it is built from.
        keypoints: what its heatmaps stand for.
        sigma: of the Gaussians it was trained on, in pixels of a heatmap 64 high.
        weights: its weight file.
    """

    model: ModelConfig
    keypoints: KeypointSchema
    sigma: float
    weights: str

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON value of ``dataclasses.asdict``."""
        return cls(
            model=read_model(values["model"]),
            keypoints=KeypointSchema.from_json(values["keypoints"]),
            sigma=values["sigma"],
            weights=values["weights"],
        )

    def build(self) -> "PoseModel":
        """Build the network and load its weights.

        Raises:
            WeightsError: the weights cannot be read.
        """
        from evopose2d.stages.pose_model import build_pose_model

        return build_pose_model(self.model, self.keypoints, self.sigma, Path(self.weights))


def finished_network(params: Params, archive: SearchArchive, result: IndividualResult) -> FinishedNetwork:
    """Describe the network of a trained individual.

    Args:
        params: for where the records lie, which name the keypoints.
        archive: the search.
        result: of the individual.

    Raises:
        DataError: the records are missing.
    """
    return FinishedNetwork(
        model=archive.model_config(result.genotype, params.model),
        keypoints=read_info(Path(params.write_tfrecords.root) / "train").schema,
        sigma=archive.settings["train.sigma"],
        weights=str(SearchStore(archive.root).weights_path(result.number)),
    )

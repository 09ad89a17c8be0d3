"""What a table's settings say of its networks: the search space, and the size of a genotype's network."""

from collections.abc import Mapping
from typing import Any

from evopose2d.evolution.individuals.configuration import network_size
from evopose2d.genotype import Genotype, PaperSpace
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.registry import read_model
from evopose2d.networks.size import NetworkSize


class TableSetting:
    """The space and the networks of a table of trainings.

    Args:
        settings: of the table, by dotted key.

    Attributes:
        space: of which the genotypes were drawn.
        epochs: of each training.

    Raises:
        KeyError: a setting is missing.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        space = {key.rpartition(".")[2]: value for key, value in settings.items() if key.startswith("evolve.space.")}
        self.space = PaperSpace(
            Genotype.from_lists(settings["evolve.ancestor"]),
            kernels=tuple(space["kernels"]),
            repeats=(space["repeats"][0], space["repeats"][1]),
            stride_blocks=space["stride_blocks"],
            strided=(space["strided"][0], space["strided"][1]),
        )
        self.epochs: int = settings["evolve.ancestor_epochs"]
        model = {key.removeprefix("model."): value for key, value in settings.items() if key.startswith("model.")}
        self._model = read_model({"genotype": settings["evolve.ancestor"], **model})
        self._sizes: dict[Genotype, NetworkSize] = {}

    def size(self, genotype: Genotype) -> NetworkSize:
        """Count the network that a genotype builds; it is counted once."""
        if genotype not in self._sizes:
            self._sizes[genotype] = network_size(self._model, genotype, COCO_PERSON.count)
        return self._sizes[genotype]

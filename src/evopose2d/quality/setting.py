"""What a table's settings say of its networks: the search space, and the size of a genotype's network."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from evopose2d.config.schema import ModelConfig
from evopose2d.evolution.configuration import network_size
from evopose2d.genotype import Genotype, PaperSpace
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.counting import NetworkSize


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
        unsaid = {"variant": None, "genotype": settings["evolve.ancestor"]}
        names = [item.name for item in fields(ModelConfig)]
        self._model = ModelConfig(**{name: settings.get(f"model.{name}", unsaid.get(name)) for name in names})
        self._sizes: dict[Genotype, NetworkSize] = {}

    def size(self, genotype: Genotype) -> NetworkSize:
        """Count the network that a genotype builds; it is counted once."""
        if genotype not in self._sizes:
            self._sizes[genotype] = network_size(self._model, genotype, COCO_PERSON.count)
        return self._sizes[genotype]

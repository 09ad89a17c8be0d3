"""The published configurations: settings of networks and of the search, each in a YAML file of ``published``.

A file holds the keys of ``params.yaml`` that it sets, under ``about`` what it is and what its paper reports, and
under ``variants`` changes that may be added to its name (``evopose2d_s_f32_imagenet``).
"""

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from evopose2d.errors import ConfigError
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import keys_of_others, read_model

_FOLDER = "published"
_SECTIONS = ("model", "train", "evolve", "accelerator")


@dataclass(frozen=True)
class Published:
    """A published configuration.

    Attributes:
        name: by which it is chosen.
        title: what people call it.
        paper: where the figures are from.
        paper_coco_val: ``AP`` on COCO val2017 from random weights and ``AP_imagenet_init`` from ImageNet's,
            those that the paper gives.
        measured_coco_val: the same, as measured with this project; empty where nothing was.
        settings: values by dotted key of ``params.yaml``.
        variants: further settings by the variant's name.
    """

    name: str
    title: str
    paper: str
    paper_coco_val: Mapping[str, float]
    measured_coco_val: Mapping[str, float]
    settings: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]

    @property
    def model(self) -> ModelConfig:
        """Section ``model``."""
        keys = (key for key in self.settings if key.startswith("model."))
        return read_model({key.removeprefix("model."): self.settings[key] for key in keys})

    @property
    def is_network(self) -> bool:
        """Whether it is a network, not a search."""
        return not any(key.startswith("evolve.") for key in self.settings)

    def names(self) -> Iterator[str]:
        """Yield its name and those with variants added, in the order of the file."""
        for count in range(len(self.variants) + 1):
            for chosen in itertools.combinations(self.variants, count):
                yield "_".join((self.name, *chosen))


def published() -> dict[str, Published]:
    """Return all published configurations by name, in alphabetical order."""
    files = sorted(resources.files("evopose2d.config").joinpath(_FOLDER).iterdir(), key=lambda file: file.name)
    found = [_read(file.name.removesuffix(".yaml"), file.read_text("utf-8")) for file in files]
    return {each.name: each for each in found}


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings of a published configuration, by dotted key of ``params.yaml``.

    Args:
        name: of the configuration, with variants added or without: ``evopose2d_s``, ``evopose2d_s_f32``.

    Raises:
        ConfigError: there is none of this name.
    """
    all_names = {}
    for each in published().values():
        for full_name in each.names():
            chosen = full_name.removeprefix(each.name).split("_")[1:]
            all_names[full_name] = (each, chosen)
    if name not in all_names:
        nearest = difflib.get_close_matches(name, all_names, n=1, cutoff=0.0)[0]
        raise ConfigError(f"network: got {name!r}, must be one of {', '.join(published())}; did you mean {nearest}?")
    configuration, chosen = all_names[name]
    settings = dict(configuration.settings)
    for variant in chosen:
        settings |= configuration.variants[variant]
    return settings


def network_overrides(name: str) -> list[str]:
    """Return section ``model`` of a published configuration as overrides of any settings file.

    Keys that only other architectures have are null: the file may set them.

    Raises:
        ConfigError: as ``settings_of``.
    """
    settings = {key: value for key, value in settings_of(name).items() if key.startswith("model.")}
    others = {f"model.{key}": None for key in sorted(keys_of_others(settings["model.architecture"]))}
    return [f"{key}={json.dumps(value)}" for key, value in {**settings, **others}.items()]


def _read(name: str, text: str) -> Published:
    content = yaml.safe_load(text)
    about = content["about"]
    return Published(
        name=name,
        title=about["title"],
        paper=about["paper"],
        paper_coco_val=about.get("paper_coco_val", {}),
        measured_coco_val=about.get("measured_coco_val", {}),
        settings=_flattened({section: content[section] for section in _SECTIONS if section in content}),
        variants={variant: _flattened(changes) for variant, changes in content.get("variants", {}).items()},
    )


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flattened(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat

"""The network families by name: this project's, and those that other packages bring.

A package adds a family by an entry point of group ``evopose2d.architectures`` whose name is that of the architecture
and whose value is a subclass of ``Architecture``.
"""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evopose2d.errors import ConfigError
from evopose2d.networks.architecture import Architecture, ModelConfig

GROUP = "evopose2d.architectures"
"""Of entry points."""

_FAMILIES = "evopose2d.networks.families"
_BUILT_IN = {
    "evopose2d": f"{_FAMILIES}.evopose2d:EvoPose2D",
    "simple_baseline": f"{_FAMILIES}.simple_baseline:SimpleBaseline",
    "hrnet": f"{_FAMILIES}.hrnet:HRNet",
    "mspn": f"{_FAMILIES}.mspn:MSPN",
    "posefix": f"{_FAMILIES}.posefix:PoseFix",
}


def architecture_names() -> list[str]:
    """Return the names of all families, this project's first."""
    return [*_BUILT_IN, *sorted(entry.name for entry in entry_points(group=GROUP) if entry.name not in _BUILT_IN)]


def find_architecture(name: str) -> Architecture[Any]:
    """Return a family.

    Raises:
        ConfigError: there is none of this name, or the package that brings it cannot be used.
    """
    entry = _entry(name)
    if entry is None:
        names = architecture_names()
        nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)[0]
        raise ConfigError(
            f"model.architecture: got {name!r}, must be one of {', '.join(names)}; did you mean {nearest}?"
        )
    try:
        family = entry.load()
    except Exception as error:
        raise ConfigError(f"model.architecture: {name} cannot be loaded from {entry.value} ({error!r})") from error
    if not (isinstance(family, type) and issubclass(family, Architecture)):
        raise ConfigError(f"model.architecture: {name} must be a subclass of Architecture, got {entry.value}")
    return family()


def architecture_of(model: ModelConfig) -> Architecture[Any]:
    """Return the family of a network.

    Raises:
        ConfigError: as ``find_architecture``.
    """
    return find_architecture(model.architecture)


def keys_of_others(architecture: str) -> set[str]:
    """Return the keys of section ``model`` that other families have and this one does not."""
    own = {item.name for item in fields(find_architecture(architecture).config)}
    return {item.name for name in architecture_names() for item in fields(find_architecture(name).config)} - own


def own_settings(values: Mapping[str, Any]) -> tuple[type[ModelConfig], dict[str, Any]]:
    """Return the class of section ``model`` of a family, and its keys without those of other families.

    Args:
        values: by key. Keys that only other families have are null, as earlier versions wrote them.

    Raises:
        ConfigError: an unknown family, or a key of another family is not null.
    """
    settings = find_architecture(values.get("architecture", "")).config
    own = {item.name for item in fields(settings)}
    others = set() if values.keys() <= own else keys_of_others(values["architecture"])  # asks every installed family
    for key in sorted(others & values.keys()):
        if values[key] is not None:
            raise ConfigError(
                f"model.{key}: got {values[key]!r}, must be null or left out where model.architecture is "
                f"{values['architecture']}; `evopose2d networks use NAME` sets all keys of a published network"
            )
    return settings, {key: value for key, value in values.items() if key not in others}


def read_model(values: Mapping[str, Any]) -> ModelConfig:
    """Read section ``model`` of a network that was built once: values are taken as they are.

    Args:
        values: by key, as :func:`own_settings` takes them.

    Raises:
        ConfigError: as :func:`own_settings`, or a key is unknown or missing.
    """
    settings, own = own_settings(values)
    for key in sorted(own.keys() ^ {item.name for item in fields(settings)}):
        what = "unknown" if key in own else "missing"
        raise ConfigError(f"model.{key}: {what}, must have the keys of architecture {values['architecture']}")
    return settings(**own)


def _entry(name: str) -> EntryPoint | None:
    if not isinstance(name, str):  # of a settings file
        return None
    if name in _BUILT_IN:
        return EntryPoint(name, _BUILT_IN[name], GROUP)
    return next(iter(entry_points(group=GROUP, name=name)), None)

"""Read ``params.yaml`` and overrides into checked dataclasses."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evopose2d.config.checks import check_params
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import own_settings
from evopose2d.settings import read_section


def load_params(path: Path, overrides: Sequence[str] = (), *, known_as: Path | None = None) -> Params:
    """Read, override and check the configuration before any work is done.

    Args:
        path: a YAML file that holds every key of every section.
        overrides: ``key=value`` settings that replace values of the file, such as ``train.epochs=3``. Texts that begin
            with ``~/`` are paths in the user's folder.
        known_as: the file that errors name, where ``path`` is to take its place; None: ``path``.

    Raises:
        ConfigError: a key is unknown or absent, a value has the wrong type or an impossible value. The message
            is one line with the key, what was received and what is allowed.
    """
    named = path if known_as is None else known_as
    values = _merged(named, _read(path), [_parse(override) for override in overrides])
    model: type[ModelConfig] = ModelConfig
    if isinstance(section := values.get("model"), Mapping) and "architecture" in section:
        model, values["model"] = own_settings(section)
    kind = _params_with(model)  # type: ignore[arg-type]  # mypy takes a class for unhashable
    params = Params(**vars(read_section(kind, values, file=str(named), overrides=overrides)))
    check_params(params)
    return params


@cache
def _params_with(model: type[ModelConfig]) -> type[Params]:
    return make_dataclass("Params", [("model", model)], bases=(Params,), frozen=True)


def _read(path: Path) -> DictConfig | ListConfig:
    try:
        return OmegaConf.load(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run in the project's folder or name one with --params") from None
    except (OSError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise _unreadable(path, error) from None


def _parse(override: str) -> DictConfig:
    key, separator, _ = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"override {override!r}: must be key=value, such as train.epochs=3")
    try:
        given = OmegaConf.from_dotlist([override])
        OmegaConf.to_container(given, throw_on_missing=True)  # merged, `???` would leave the file's value
        return given
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"override {override!r}: {' '.join(str(error).split())}") from None


def _merged(path: Path, content: DictConfig | ListConfig, overrides: Sequence[DictConfig]) -> dict[str, Any]:
    if not isinstance(content, DictConfig):
        raise ConfigError(f"{path}: must hold the sections {', '.join(item.name for item in fields(Params))}")
    try:
        merged = OmegaConf.merge(content, *overrides)
        return OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}")

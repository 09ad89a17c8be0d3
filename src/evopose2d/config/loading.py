"""Read ``params.yaml`` and overrides into checked dataclasses."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evopose2d.config.checks import check_params
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError
from evopose2d.files import at_home
from evopose2d.limits import describe_limits
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import find_architecture, keys_of_others


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
    tree = OmegaConf.structured(Params)
    layers = [_read(path), *(_parse(override) for override in overrides)]
    model, (content, *given) = _of_architecture(layers)
    _thaw(tree)
    _thaw(model)
    tree.model = model
    named = path if known_as is None else known_as
    _assign(tree, content, origin=str(named))
    for override in given:
        _assign(tree, override, origin="override")
    absent = [key for key in _keys(tree) if OmegaConf.is_missing(*_parent(tree, key))]
    if absent:
        raise ConfigError(f"{named}: missing key{'s' if absent[1:] else ''} {', '.join(absent)}")
    params: Params = OmegaConf.to_object(tree)  # type: ignore[assignment]
    check_params(params)
    return params


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run in the project's folder or name one with --params") from None
    except (OSError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: must hold the sections {', '.join(_names(Params))}")
    return {str(key): value for key, value in content.items()}


def _parse(override: str) -> Mapping[str, Any]:
    key, separator, _ = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"override {override!r}: must be key=value, such as train.epochs=3")
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([override]))  # type: ignore[return-value]
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"override {override!r}: {' '.join(str(error).split())}") from None


def _of_architecture(layers: Sequence[Mapping[str, Any]]) -> tuple[DictConfig, list[Mapping[str, Any]]]:
    """Return an empty section ``model`` of the architecture that is named last, and the layers fitted to it.

    Keys that only other architectures have are taken out; in the end they must be null.

    Raises:
        ConfigError: there is no such architecture, or another's key is not null.
    """
    sections = [layer["model"] for layer in layers if isinstance(layer.get("model"), Mapping)]
    given = {key: value for section in sections for key, value in section.items()}
    settings = find_architecture(given["architecture"]).config if "architecture" in given else ModelConfig
    own = {item.name for item in fields(settings)}
    others = keys_of_others(given["architecture"]) if "architecture" in given and not given.keys() <= own else set()
    for key in sorted(others):
        if given.get(key) is not None:
            raise ConfigError(
                f"model.{key}: got {given[key]!r}, must be null or left out where model.architecture is "
                f"{given['architecture']}; `evopose2d networks use NAME` sets all keys of a published network"
            )
    fitted = [
        {**layer, "model": {key: value for key, value in layer["model"].items() if key not in others}}
        if isinstance(layer.get("model"), Mapping)
        else layer
        for layer in layers
    ]
    return OmegaConf.structured(settings), fitted


def _assign(
    tree: DictConfig, given: Mapping[Any, Any], *, origin: str, root: DictConfig | None = None, prefix: str = ""
) -> None:
    """Put the given values into the tree, one at a time, so that an error can name its key."""
    root = tree if root is None else root
    items = {item.name: item for item in fields(_section(tree))}
    types = get_type_hints(_section(tree))
    for name, value in given.items():
        key = f"{prefix}{name}"
        if name not in items:
            raise ConfigError(f"{origin}: unknown key {key}{_nearest(key, root)}")
        if is_dataclass(types[name]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key}: got {value!r}, must be a section with {', '.join(tree[name])}")
            _assign(tree[name], value, origin=origin, root=root, prefix=f"{key}.")
        else:
            try:
                tree[name] = at_home(value) if isinstance(value, str) else value
            except OmegaConfBaseException:
                must = describe_limits(items[name].metadata) if value is None else ""
                received = "null" if value is None else repr(value)
                raise ConfigError(f"{key}: got {received}, must be {must or _describe(types[name])}") from None


def _section(tree: DictConfig) -> Any:  # noqa: ANN401 - a dataclass
    return OmegaConf.get_type(tree)


def _nearest(key: str, tree: DictConfig) -> str:
    matches = difflib.get_close_matches(key, list(_keys(tree)), n=1, cutoff=0.0)
    return f"; did you mean {matches[0]}?" if matches else ""


def _keys(tree: DictConfig, prefix: str = "") -> Iterator[str]:
    for name in map(str, tree):
        section = None if OmegaConf.is_missing(tree, name) else tree[name]
        if isinstance(section, DictConfig):
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _names(section: type) -> list[str]:
    return [item.name for item in fields(section)]


def _parent(tree: DictConfig, key: str) -> tuple[DictConfig, str]:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree[section]
    return tree, name


def _describe(kind: Any) -> str:  # noqa: ANN401 - any type annotation
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    return words.get(text, f"of the form {text.replace('None', 'null').replace(' | ', ' or ')}")


def _thaw(tree: DictConfig) -> None:
    """Let the merge write into the schema of frozen dataclasses, which OmegaConf marks as read-only."""
    OmegaConf.set_readonly(tree, None)
    for name in tree:
        if not OmegaConf.is_missing(tree, name) and isinstance(tree[name], DictConfig):
            _thaw(tree[name])

"""Change values in ``params.yaml`` and leave everything else, comments and layout, as it is."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError
from evopose2d.files import replacing
from evopose2d.networks.registry import keys_of_others

_WIDTH = 1000  # columns at which a line would be broken


@dataclass(frozen=True)
class Change:
    """A key whose value was replaced.

    Attributes:
        key: dotted.
        old: its value before; None where there was none.
        new: its value now.
    """

    key: str
    old: Any
    new: Any


class _Representer(RoundTripRepresenter):
    """Writes ``null`` where ruamel.yaml writes nothing."""


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))
# YAML 1.1 reads 1e-05, as Python would write it, as a text.
_Representer.add_representer(
    float,
    lambda self, value: self.represent_scalar("tag:yaml.org,2002:float", np.format_float_positional(value, trim="0")),
)


def set_values(path: Path, values: Mapping[str, Any]) -> list[Change]:
    """Set keys of a settings file; the file is checked before it replaces the old one.

    Where ``model.architecture`` is set, keys that only others have become null, or go where no comment explains them.

    Args:
        path: the settings file, such as ``params.yaml``.
        values: by dotted key; a section that is not there is not made.

    Returns:
        What changed, in the order of ``values``.

    Raises:
        ConfigError: the file cannot be read, lacks a section, or could not be used with these values.
    """
    yaml = _yaml()
    tree = _read(yaml, path)
    cleared = _cleared(tree, values)
    values = {**values, **cleared}
    changes = [change for key, value in values.items() if (change := _set(tree, key, value, path)) is not None]
    for key in cleared:
        _remove_unexplained(tree["model"], key.removeprefix("model."))
    if changes:
        text = io.StringIO()
        yaml.dump(tree, text)
        with replacing(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")
            load_params(temporary, known_as=path)
    return changes


def _yaml() -> YAML:
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = _WIDTH
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(yaml: YAML, path: Path) -> CommentedMap:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run in the project's folder or name one with --params") from None
    except (OSError, ValueError, YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}: must hold sections")
    return tree


def _cleared(tree: CommentedMap, values: Mapping[str, Any]) -> dict[str, None]:
    """Return the keys of section ``model`` that the architecture to be set does not have, all to become null."""
    architecture, section = values.get("model.architecture"), tree.get("model")
    if architecture is None or not isinstance(section, CommentedMap):
        return {}
    others = keys_of_others(architecture)  # asks for every installed family
    return {f"model.{key}": None for key in section if key in others}


def _remove_unexplained(section: CommentedMap, name: str) -> None:
    """Remove a key that has no comment: such as ``set_values`` inserted for an architecture that is no longer set."""
    if name in section and name not in section.ca.items:
        del section[name]


def _set(tree: CommentedMap, key: str, value: Any, path: Path) -> Change | None:  # noqa: ANN401 - any YAML value
    *sections, name = key.split(".")
    section: Any = tree
    for step in sections:
        section = section.get(step)
        if not isinstance(section, CommentedMap):
            raise ConfigError(f"{path}: missing section {'.'.join(sections)}")
    old = _plain(section.get(name))
    if old == value:  # a key that is not there is null
        return None
    held = section.get(name)
    if isinstance(held, CommentedSeq) and isinstance(value, list) and len(held) == len(value):
        # In place, so that comments between the elements stay.
        for index, item in enumerate(value):
            held[index] = _commented(item)
    elif name in section:
        section[name] = _commented(value)
    else:
        section.insert(1, name, _commented(value))  # at the end it would follow the blank line after the section
    return Change(key, old, value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _commented(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """Write a list of numbers in one line, a list of lists a line each."""
    if not isinstance(value, list):
        return value
    sequence = CommentedSeq(_commented(item) for item in value)
    if not any(isinstance(item, list) for item in value):
        sequence.fa.set_flow_style()
    return sequence

"""Change values of ``params.yaml`` in place: every comment and every other character stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError
from evopose2d.files import replacing

_LEAST_GAP = 2  # blanks before a comment


def edit_params(path: Path, values: Mapping[str, Any]) -> None:
    """Replace values of the settings file, whole or not at all.

    A list whose length stays is replaced element by element, so that comments between its lines stay too.

    Args:
        path: the file.
        values: new values by dotted key; the keys are in the file.

    Raises:
        ConfigError: the file lacks a key, or does not hold valid settings with the new values.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        root = yaml.compose(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run in the project's folder or name one with --params") from None
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    changes: list[tuple[int, int, str]] = []
    for key, value in values.items():
        changes += _changes(_find(path, root, key), value)
    for start, end, new in sorted(changes, reverse=True):
        text = _replaced(text, start, end, new)
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
        load_params(temporary)


def _find(path: Path, root: yaml.Node | None, key: str) -> yaml.Node:
    node = root
    for name in key.split("."):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for given, value in pairs if given.value == name), None)
        if node is None:
            raise ConfigError(f"{path}: missing key {key}")
    assert node is not None  # the key has at least one part
    return node


def _changes(node: yaml.Node, value: Any) -> list[tuple[int, int, str]]:  # noqa: ANN401 - any YAML value
    """Give what to replace: start and end in the text, and the new text."""
    if isinstance(node, yaml.SequenceNode) and isinstance(value, Sequence) and len(node.value) == len(value):
        nested = zip(node.value, value, strict=True)
        return [change for child, element in nested for change in _changes(child, element)]
    return [(node.start_mark.index, _end(node), _written(value))]


def _end(node: yaml.Node) -> int:
    """Give where a node's own text ends; YAML counts the blank lines and comments behind a block to it."""
    in_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    if in_block and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index


def _written(value: Any) -> str:  # noqa: ANN401 - any YAML value
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("\n...").strip()


def _replaced(text: str, start: int, end: int, new: str) -> str:
    """Replace a span; a comment behind it keeps its column where there is room."""
    rest = text[end:]
    gap = len(rest) - len(rest.lstrip(" "))
    if rest[gap : gap + 1] == "#":
        rest = " " * max(_LEAST_GAP, gap + (end - start) - len(new)) + rest[gap:]
    return text[:start] + new + rest

"""What can be named in settings: the project's own, and what installed packages offer as entry points."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TypeVar

T = TypeVar("T")


def names(built_in: Iterable[str], group: str) -> list[str]:
    """Return all names that :func:`find` knows, the project's own first."""
    return list(dict.fromkeys([*built_in, *sorted(point.name for point in entry_points(group=group))]))


def find(kind: str, name: str, built_in: Mapping[str, T], group: str, also: Sequence[str] = ()) -> T:
    """Return what a name stands for.

    Args:
        kind: of things, for the message.
        name: to be looked up; the project's own come first.
        built_in: the project's own, by name.
        group: entry points of installed packages that offer more.
        also: names that are allowed besides, for the message.

    Raises:
        ValueError: nothing has that name (lists the names that there are), or it cannot be imported.
    """
    if name in built_in:
        return built_in[name]
    offered = {point.name: point for point in entry_points(group=group)}
    if name not in offered:
        raise ValueError(f"{kind}: got {name!r}, must be one of {', '.join([*also, *names(built_in, group)])}")
    try:
        found: T = offered[name].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{kind}: {name!r} ({offered[name].value}) cannot be imported: {error}") from error
    return found

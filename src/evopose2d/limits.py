"""Limits of the fields of a settings dataclass, declared beside each field and checked in one place."""

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from evopose2d.errors import ConfigError


def allowed(
    *,
    choices: tuple[str, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    multiple_of: int | None = None,
    length: int | None = None,
) -> Any:  # noqa: ANN401 - a field takes the type of its annotation
    """Describe a required field; for a list, the limits hold for each element.

    Args:
        choices: the texts allowed.
        minimum: least value.
        maximum: greatest value.
        above: what each value is greater than.
        multiple_of: what each value is a multiple of.
        length: of a list.
    """
    limits = {
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "multiple_of": multiple_of,
        "length": length,
    }
    return field(default=MISSING, metadata={name: value for name, value in limits.items() if value is not None})


def check_limits(section: Any, prefix: str = "") -> None:  # noqa: ANN401 - any dataclass
    """Check each value of a settings dataclass, and of those inside it, by its field's limits.

    Args:
        section: the settings.
        prefix: of its keys, such as ``model.``.

    Raises:
        ConfigError: one line with the key, the value received and what is allowed.
    """
    for item in fields(section):
        value = getattr(section, item.name)
        key = f"{prefix}{item.name}"
        if is_dataclass(value):
            check_limits(value, f"{key}.")
            continue
        limits = item.metadata
        if "length" in limits and len(value) != limits["length"]:
            raise ConfigError(f"{key}: got {value}, must be {limits['length']} values")
        for leaf in _leaves(value):
            if not _within(leaf, limits):
                raise ConfigError(f"{key}: got {leaf!r}, must be {describe_limits(limits)}")


def describe_limits(limits: Mapping[str, Any]) -> str:
    """Return what a field allows, in words; empty where it has no limits."""
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "above": "greater than {}",
        "multiple_of": "a multiple of {}",
    }
    if "choices" in limits:
        return "one of " + ", ".join(limits["choices"])
    return " and ".join(text.format(limits[name]) for name, text in words.items() if name in limits)


def _leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any value
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    elif value is not None:
        yield value


def _within(value: Any, limits: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any value
    return (
        value in limits.get("choices", (value,))
        and ("minimum" not in limits or value >= limits["minimum"])
        and ("maximum" not in limits or value <= limits["maximum"])
        and ("above" not in limits or value > limits["above"])
        and ("multiple_of" not in limits or value % limits["multiple_of"] == 0)
    )

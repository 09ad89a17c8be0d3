"""Sections of settings as frozen dataclasses whose annotations say what each value may be; pydantic checks them."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, GetPydanticSchema, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, core_schema

from evopose2d.errors import ConfigError
from evopose2d.files import at_home

Text = Annotated[str, AfterValidator(at_home)]
Integer = Annotated[int, Field(strict=True)]
Count = Annotated[Integer, Field(ge=0)]
Positive = Annotated[Integer, Field(ge=1)]
Amount = Annotated[float, Field(strict=True, ge=0)]
PositiveAmount = Annotated[float, Field(strict=True, gt=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Shape = Annotated[list[Annotated[Integer, Field(ge=32, multiple_of=32)]], Field(min_length=2, max_length=2)]
"""Height and width of crops in pixels."""

_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
_ALLOWED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "literal_error": "one of {expected}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_type": "a text",
    "too_long": "{max_length} values",
    "too_short": "{min_length} values",
}


class Section:
    """Base of all sections: they have no other keys than their own, and no number in them is infinite."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


AnySection = TypeVar("AnySection", bound=Section)


def one_of(*choices: str) -> GetPydanticSchema:
    """Return an annotation of a ``str`` that allows some texts alone."""
    return GetPydanticSchema(lambda *_: core_schema.literal_schema(list(choices)))


def read_section(
    kind: type[AnySection], values: object, prefix: str = "", *, file: str = "", overrides: Sequence[str] = ()
) -> AnySection:
    """Make a section of plain values, such as those of ``dataclasses.asdict``.

    Args:
        kind: the section's class.
        values: by key.
        prefix: of its keys in messages, such as ``model.``.
        file: where the values are from; empty: no file.
        overrides: ``key=value`` settings that have taken the place of some.

    Raises:
        ConfigError: a key is unknown or missing, or a value cannot be. One line with the key, the value received and
            what is allowed.
    """
    try:
        return _adapter(kind).validate_python(values)  # type: ignore[arg-type]  # mypy takes a class for unhashable
    except ValidationError as error:
        errors = error.errors(include_url=False)
    known = [prefix + key for key in _keys(kind)]
    where = f"{file}: " if file else ""
    for each in errors:
        if each["type"] in _UNKNOWN:
            key = _key(prefix, each)
            overridden = any(_within(key, override.partition("=")[0]) for override in overrides)
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{'override: ' if overridden else where}unknown key {key}; did you mean {nearest}?")
    missing = [_key(prefix, each) for each in errors if each["type"] == "missing"]
    if missing:
        raise ConfigError(f"{where}missing key{'s' if missing[1:] else ''} {', '.join(missing)}")
    key, received = _key(prefix, errors[0]), errors[0]["input"]
    allowed = _allowed(errors[0], [name.removeprefix(f"{key}.") for name in known if name.startswith(f"{key}.")])
    raise ConfigError(f"{key}: got {'null' if received is None else repr(received)}, must be {allowed}")


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _keys(kind: Any) -> Iterator[str]:  # noqa: ANN401 - a dataclass
    types = get_type_hints(kind)
    for item in fields(kind):
        if is_dataclass(types[item.name]):
            yield from (f"{item.name}.{key}" for key in _keys(types[item.name]))
        else:
            yield item.name


def _key(prefix: str, error: ErrorDetails) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    return prefix + "".join(steps).removeprefix(".")


def _within(key: str, other: str) -> bool:
    """Return whether of two keys one is the other, or a section that it lies in."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _allowed(error: ErrorDetails, keys: Sequence[str]) -> str:
    if error["type"] == "dataclass_type":
        return f"a section with {', '.join(dict.fromkeys(key.partition('.')[0] for key in keys))}"
    words = {name: str(value).replace("'", "").replace(" or ", ", ") for name, value in error.get("ctx", {}).items()}
    return _ALLOWED[error["type"]].format(**words)

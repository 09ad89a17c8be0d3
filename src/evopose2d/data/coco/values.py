"""JSON files and the values in them: whatever a script or a tool may have written there."""

import json
import math
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from evopose2d.errors import DataError

LARGEST_ID = 2**63 - 1
"""Largest id that records and COCO's evaluation hold, both with 64 bits."""

_LARGEST_COORDINATE = 1e9  # far beyond any image, far below where float32 ends
_LARGEST_WHOLE_FLOAT = 2.0**53
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_SHOWN = reprlib.Repr()
_SHOWN.maxlist = _SHOWN.maxdict = 4
_SHOWN.maxstring = _SHOWN.maxother = 80


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON file in UTF-8, with or without byte order mark.

    Raises:
        DataError: the file is missing, cannot be read, is no JSON or nests too deeply to be read.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: is no JSON file: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise DataError(f"{path}: is no JSON file that can be read: its values are nested too deeply") from None


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a short one-line form of a value, for messages."""
    return _SHOWN.repr(value)


def whole(value: Any) -> int | None:  # noqa: ANN401 - any JSON value
    """Return the whole number that a value is or spells (``3``, ``3.0``, ``"3"``); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _LARGEST_WHOLE_FLOAT else None
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else None


def identity(value: Any) -> int | str | None:  # noqa: ANN401 - any JSON value
    """Return what tells an entry from others: its id as a whole number, or a text; None where it is neither."""
    number = whole(value)
    if number is not None:
        return number
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """Return the number that a value is or spells, which may be NaN or infinite; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def numbers(value: Any) -> NDArray[np.float64] | None:  # noqa: ANN401 - any JSON value
    """Return a list of numbers (or of lists of equally many) as an array; null becomes NaN, all else gives None."""
    if not isinstance(value, list):
        return None
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def usable(values: NDArray[np.float64]) -> bool:
    """Return whether coordinates are finite and of a size that pixels can have."""
    return bool((np.abs(values) <= _LARGEST_COORDINATE).all())


def is_text(value: Any) -> TypeGuard[str]:  # noqa: ANN401 - any JSON value
    """Return whether a value is text that can be printed and used as a file name."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return True


def entries(content: Mapping[str, Any], key: str) -> list[Any] | None:
    """Return a list of a JSON object; empty where it is missing or null, None where it is something else."""
    value = content.get(key)
    if value is None:
        return []
    return value if isinstance(value, list) else None

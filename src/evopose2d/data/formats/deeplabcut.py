"""DeepLabCut: ``CollectedData_SCORER.csv`` in each folder of frames, of one animal or of several."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from evopose2d.data.coco.values import shown
from evopose2d.data.formats.base import LabelledImages
from evopose2d.errors import DataError

_FILES = "CollectedData_*.csv"
_LABELS = "labeled-data"  # its files; those of training-datasets hold the same labels again
_HEADER = ("scorer", "individuals", "bodyparts", "coords")
_UNIQUE = "single"  # the individual to whom body parts belong that are there once an image


@dataclass(frozen=True)
class _Table:
    """A file, its header understood.

    Attributes:
        path: the file.
        columns: individual, body part and ``x`` or ``y`` of each column with coordinates.
        first: index of the first of these columns.
        rows: number of its line and its cells, of each labelled frame.
    """

    path: Path
    columns: Sequence[tuple[str, str, str]]
    first: int
    rows: Sequence[tuple[int, Sequence[str]]]


class DeepLabCut:
    """Body parts are keypoints; those of no individual, where there are several, are a category of their own."""

    name = "deeplabcut"

    def recognises(self, source: Path) -> bool:
        """Return whether there is a file of that name anywhere below the folder."""
        return any(True for _ in source.rglob(_FILES))

    def read(self, source: Path) -> list[LabelledImages]:
        """Read all files of the project, which has no splits."""
        paths = sorted(source.rglob(_FILES))
        paths = [path for path in paths if _LABELS in path.parts] or paths
        if not paths:
            raise DataError(f"{source}: no {_FILES}")
        twice = next((path for path in paths if sum(other.parent == path.parent for other in paths) > 1), None)
        if twice is not None:
            raise DataError(f"{twice.parent}: labels of several scorers ({_FILES}); keep one file in each folder")
        content = _coco([_table(path) for path in paths], source)
        return [LabelledImages(None, paths[0] if len(paths) == 1 else source, content, source)]


def _table(path: Path) -> _Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(number, cells) for number, cells in enumerate(csv.reader(file), 1) if any(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no CSV file in UTF-8 ({error})") from None
    header = {cells[0]: cells for _, cells in lines[: len(_HEADER)] if cells[0] in _HEADER}
    if not {"bodyparts", "coords"} <= header.keys():
        raise DataError(f"{path}: must begin with lines scorer, (individuals,) bodyparts and coords")
    coords = header["coords"]
    first = next((place for place, cell in enumerate(coords) if place and cell), len(coords))
    people = header.get("individuals", [""] * len(coords))
    if not len(people) == len(header["bodyparts"]) == len(coords) or first == len(coords):
        raise DataError(f"{path}: the lines of its header must be of one length and name x and y")
    columns = list(zip(people[first:], header["bodyparts"][first:], coords[first:], strict=True))
    wrong = next((column for column in columns if column[2] not in ("x", "y") or not column[1]), None)
    if wrong is not None or len(set(columns)) != len(columns):
        raise DataError(
            f"{path}: each column must be x or y of a body part, each once, got {shown(wrong or 'one twice')}"
        )
    return _Table(path, columns, first, lines[len(header) :])


def _coco(tables: Sequence[_Table], source: Path) -> dict[str, Any]:
    parts = {name: _body_parts(tables, unique=name == _UNIQUE) for name in ("person", _UNIQUE)}
    named = {name: names for name, names in parts.items() if names}
    category_ids = {name: number for number, name in enumerate(named, 1)}
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for table in tables:
        for line, cells in table.rows:
            images.append({"id": len(images) + 1, "file_name": _image(table, cells, source)})
            for individual, points in _points(table, line, cells).items():
                category = _UNIQUE if individual == _UNIQUE else "person"
                keypoints = [number for name in named[category] for number in points.get(name, (0.0, 0.0, 0))]
                person = {"id": len(people) + 1, "image_id": len(images), "category_id": category_ids[category]}
                people.append(person | {"keypoints": keypoints})
    limbs = _limbs(source)
    categories = [
        {
            "id": category_ids[name],
            "name": name,
            "keypoints": names,
            "skeleton": [[names.index(end) + 1 for end in limb] for limb in limbs if set(limb) <= set(names)],
        }
        for name, names in named.items()
    ]
    return {"images": images, "annotations": people, "categories": categories}


def _body_parts(tables: Sequence[_Table], *, unique: bool) -> list[str]:
    """Return the body parts of the individuals, or those that belong to none, in the order in which they first come."""
    columns = (column for table in tables for column in table.columns)
    return list(dict.fromkeys(part for individual, part, _ in columns if (individual == _UNIQUE) == unique))


def _image(table: _Table, cells: Sequence[str], source: Path) -> str:
    """Return the name of a line's image below the source: it lies beside the file, wherever the line says it was."""
    given = "/".join(cell for cell in cells[: table.first] if cell).replace("\\", "/")
    beside = table.path.parent / PurePosixPath(given).name
    return beside.relative_to(source).as_posix() if beside.is_file() else given


def _points(table: _Table, line: int, cells: Sequence[str]) -> dict[str, dict[str, tuple[float, float, int]]]:
    """Return the labelled body parts (x, y, 2) of each individual of whom there is one."""
    values: dict[tuple[str, str], dict[str, float]] = {}
    padded = [*cells[table.first :], *[""] * len(table.columns)]
    for (individual, part, axis), cell in zip(table.columns, padded, strict=False):
        try:
            number = float(cell or "nan")
        except ValueError:
            raise DataError(f"{table.path}: line {line}: {part} {axis} must be a number, got {shown(cell)}") from None
        values.setdefault((individual, part), {})[axis] = number
    found: dict[str, dict[str, tuple[float, float, int]]] = {}
    for (individual, part), point in values.items():
        x, y = point.get("x", math.nan), point.get("y", math.nan)
        if math.isfinite(x) and math.isfinite(y):
            found.setdefault(individual, {})[part] = (x, y, 2)
    return found


def _limbs(source: Path) -> list[tuple[str, str]]:
    """Return the pairs of body parts that the project's ``config.yaml`` joins; none where it cannot be read."""
    return list(_pairs(source / "config.yaml")) if (source / "config.yaml").is_file() else []


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    skeleton = content.get("skeleton") if isinstance(content, Mapping) else None
    for limb in skeleton if isinstance(skeleton, list) else ():
        if isinstance(limb, list) and len(limb) == 2:
            yield str(limb[0]), str(limb[1])

"""LabelMe: a JSON file beside each image, with a rectangle and points that share a ``group_id`` for each person."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evopose2d.data.coco.values import entries, number, numbers, shown
from evopose2d.data.formats.base import LabelledImages, read_object, split_of
from evopose2d.errors import DataError

_SHAPES = b'"shapes"'
_SOME = 5  # files that are looked at to recognise the format


class LabelMe:
    """Points are keypoints, rectangles and polygons are people; without ``group_id`` an image shows one person."""

    name = "labelme"

    def recognises(self, source: Path) -> bool:
        """Return whether the folder's first JSON files hold shapes."""
        files = [path for _, path in zip(range(_SOME), sorted(source.rglob("*.json")), strict=False)]
        return any(_SHAPES in path.read_bytes() and b'"imagePath"' in path.read_bytes() for path in files)

    def read(self, source: Path) -> list[LabelledImages]:
        """Read all files; folders called train and val are splits."""
        of_split: dict[str | None, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
        for path in sorted(source.rglob("*.json")):
            content = read_object(path)
            if "shapes" in content:
                folders = path.relative_to(source).parts[:-1]
                of_split[split_of(*folders)].append((path, content))
        names = _keypoint_names([content for files in of_split.values() for _, content in files])
        if not names:
            raise DataError(f"{source}: no LabelMe file holds a shape of type 'point', so that there are no keypoints")
        return [LabelledImages(split, source, _coco(files, names, source), source) for split, files in of_split.items()]


def _keypoint_names(contents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the labels of points in the order in which they first come."""
    labels = (shape.get("label") for content in contents for shape in _shapes(content) if _kind(shape) == "point")
    return list(dict.fromkeys(label for label in labels if isinstance(label, str) and label))


def _coco(files: Sequence[tuple[Path, Mapping[str, Any]]], names: Sequence[str], source: Path) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for image_id, (path, content) in enumerate(files, start=1):
        image = str(content.get("imagePath") or path.with_suffix(".jpg").name).replace("\\", "/")
        folder = path.relative_to(source).parent
        size = {"width": content.get("imageWidth"), "height": content.get("imageHeight")}
        images.append({"id": image_id, "file_name": (folder / image).as_posix(), **size})
        for person in _people(content, names, path):
            people.append({"id": len(people) + 1, "image_id": image_id, "category_id": 1, **person})
    category = {"id": 1, "name": "person", "keypoints": list(names), "skeleton": []}
    return {"images": images, "annotations": people, "categories": [category]}


def _people(content: Mapping[str, Any], names: Sequence[str], path: Path) -> list[dict[str, Any]]:
    groups: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for shape in _shapes(content):
        groups[shown(shape.get("group_id"))].append(shape)
    return [_person(shapes, names, path) for shapes in groups.values() if any(_kind(shape) for shape in shapes)]


def _person(shapes: Sequence[Mapping[str, Any]], names: Sequence[str], path: Path) -> dict[str, Any]:
    keypoints = [0.0] * (3 * len(names))
    person: dict[str, Any] = {}
    for shape in shapes:
        points = numbers(shape.get("points"))
        if points is None or points.ndim != 2 or points.shape[1] != 2:
            raise DataError(
                f"{path}: points of {shown(shape.get('label'))} must be pairs, got {shown(shape.get('points'))}"
            )
        if _kind(shape) == "point" and shape.get("label") in names:
            place = 3 * names.index(shape["label"])
            if keypoints[place + 2]:
                raise DataError(
                    f"{path}: {shape['label']!r} stands there twice for one person; points of different people need "
                    "different group_id"
                )
            keypoints[place : place + 3] = [float(points[0, 0]), float(points[0, 1]), _visibility(shape)]
        elif _kind(shape) == "outline":
            low, high = points.min(axis=0), points.max(axis=0)
            area = (
                cv2.contourArea(points.astype(np.float32))
                if shape.get("shape_type") == "polygon"
                else np.prod(high - low)
            )
            person |= {"bbox": [*low.tolist(), *(high - low).tolist()], "area": float(area)}
    return person | {"keypoints": keypoints}


def _visibility(shape: Mapping[str, Any]) -> float:
    """Return 1 for a point whose flags or description say that it is hidden, else 2."""
    flags = shape.get("flags")
    hidden = isinstance(flags, Mapping) and any(flags.get(name) for name in ("occluded", "hidden", "invisible"))
    return 1.0 if hidden or number(shape.get("description")) == 1 else 2.0


def _shapes(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [shape for shape in entries(content, "shapes") or () if isinstance(shape, Mapping)]


def _kind(shape: Mapping[str, Any]) -> str | None:
    kind = shape.get("shape_type")
    return "point" if kind == "point" else "outline" if kind in ("rectangle", "polygon") else None

"""Annotation files of a user's own dataset: read, checked, and completed for COCO's evaluation."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evopose2d.data.download.layout import leaves_folder
from evopose2d.errors import DataError
from evopose2d.keypoints import schema_from_category


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON file.

    Raises:
        DataError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON file ({error})") from error


def read_images(path: Path) -> dict[str, Any]:
    """Read an annotation file and check its list of images.

    Raises:
        DataError: it is no JSON object, or ``images`` is no list of images with distinct whole ``id``, a
            ``file_name`` inside the image folder, and ``width`` and ``height`` in pixels.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise DataError(f"{path}: got a JSON {type(data).__name__}, must be an object with images and annotations")
    _distinct_ids(path, "images", _records(path, data, "images"), lowest=0)
    for image in data["images"]:
        name = image.get("file_name")
        if not isinstance(name, str) or not name or leaves_folder(name):
            raise DataError(f"{path}: image {image['id']}: file_name {name!r} must name a file in the image folder")
        size = [image.get("width"), image.get("height")]
        if not is_numbers(size, 2) or min(size) < 1:
            raise DataError(f"{path}: image {image['id']}: width and height must be pixels, got {size}")
    return data


def read_people(path: Path) -> dict[str, Any]:
    """Read an annotation file with keypoints, reduced to the one category that has them.

    Where ``area``, ``iscrowd`` or ``num_keypoints`` is missing it is added, for COCO's evaluation reads them:
    the box's area, 0, and the number of labelled keypoints.

    Raises:
        DataError: images, annotations or categories are not in COCO's format; the message names the entry.
    """
    data = read_images(path)
    category = keypoint_category(path, data)
    people = [person for person in _records(path, data, "annotations") if person.get("category_id") == category["id"]]
    # COCO's evaluation reads 0 as "no match", so that a person of that id would never count as found.
    _distinct_ids(path, "annotations", people, lowest=1)
    known = {image["id"] for image in data["images"]}
    for person in people:
        _check_person(path, person, known, len(category["keypoints"]))
    return data | {"categories": [category], "annotations": [_completed(person) for person in people]}


def keypoint_category(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the category with keypoints; of several, the one that is called ``person``.

    Raises:
        DataError: there is none, or several of which not exactly one is called ``person``, or its keypoints
            or skeleton are wrong.
    """
    categories = [entry for entry in _records(path, data, "categories") if entry.get("keypoints")]
    people = categories if len(categories) == 1 else [c for c in categories if c.get("name") == "person"]
    if len(people) != 1:
        names = ", ".join(repr(category.get("name")) for category in categories) or "none"
        raise DataError(f"{path}: categories with keypoints: {names}; must be one, or one of them called 'person'")
    category: dict[str, Any] = people[0]
    if not isinstance(category.get("id"), int):
        raise DataError(f"{path}: category {category.get('name')!r}: id must be a whole number")
    try:
        schema_from_category(category)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return category


def _records(path: Path, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    records = data.get(key)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{path}: {key} must be a list of objects")
    return records


def _distinct_ids(path: Path, key: str, records: Iterable[Mapping[str, Any]], lowest: int) -> None:
    seen: set[int] = set()
    for record in records:
        identifier = record.get("id")
        if not isinstance(identifier, int) or identifier < lowest or identifier in seen:
            raise DataError(f"{path}: {key}: got id {identifier!r}, must be distinct whole numbers from {lowest} on")
        seen.add(identifier)


def _check_person(path: Path, person: Mapping[str, Any], images: set[int], keypoints: int) -> None:
    where = f"{path}: annotation {person['id']}"
    if person.get("image_id") not in images:
        raise DataError(f"{where}: image_id {person.get('image_id')!r} is no image of the file")
    if not is_numbers(person.get("bbox"), 4):
        raise DataError(f"{where}: bbox must be 4 numbers (x, y, width, height), got {person.get('bbox')!r}")
    if not is_numbers(person.get("keypoints"), 3 * keypoints):
        raise DataError(f"{where}: keypoints must be {3 * keypoints} numbers (x, y, visibility for {keypoints})")
    if not all(visibility in (0, 1, 2) for visibility in person["keypoints"][2::3]):
        raise DataError(f"{where}: keypoints: each third number, the visibility, must be 0, 1 or 2")


def _completed(person: dict[str, Any]) -> dict[str, Any]:
    defaults = {
        "area": person["bbox"][2] * person["bbox"][3],
        "iscrowd": 0,
        "num_keypoints": sum(visibility > 0 for visibility in person["keypoints"][2::3]),
    }
    return defaults | person


def is_numbers(value: Any, count: int) -> bool:  # noqa: ANN401 - any JSON value
    """Say whether a JSON value is a list of ``count`` finite numbers."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(number, int | float) and math.isfinite(number) for number in value)
    )

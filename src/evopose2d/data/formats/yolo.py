"""Ultralytics YOLO-pose: ``data.yaml`` with ``kpt_shape`` and ``flip_idx``, a text file of normalised rows an image."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evopose2d.data.coco.values import shown
from evopose2d.data.download.layout import is_image
from evopose2d.data.formats.base import LabelledImages
from evopose2d.data.image_files import read_size
from evopose2d.errors import DataError
from evopose2d.keypoints import COCO_PERSON

_BOX = 5  # class, centre x, centre y, width, height
_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test-dev"}
_LIST = ".txt"


class YoloPose:
    """One category; keypoints are named by ``kpt_names``, or as COCO's where there are 17."""

    name = "yolo"

    def recognises(self, source: Path) -> bool:
        """Return whether a YAML file in the folder has ``kpt_shape``."""
        return _description_file(source) is not None

    def read(self, source: Path) -> list[LabelledImages]:
        """Read the splits that ``data.yaml`` names."""
        path = _description_file(source)
        if path is None:
            raise DataError(f"{source}: no data.yaml with kpt_shape in it")
        description = _description(path)
        count, dimensions = _shape(description, path)
        keypoints = _keypoints(description, count, path)
        found = []
        for key, split in _SPLITS.items():
            given = description.get(key)
            names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
            places = [place for name in names if (place := _place(path, description, str(name))) is not None]
            if len(places) < len(names) and split != "test-dev":  # which exports name though they have none
                raise DataError(
                    f"{path}: {key}: got {shown(given)}: no such folder or list below {path.parent.absolute()}"
                )
            if places:
                folder = places[0] if len(places) == 1 and places[0].is_dir() else path.parent
                images = [image for place in places for image in _images(place, path, description)]
                content = _coco(images, folder, keypoints, dimensions, _categories(description))
                found.append(LabelledImages(split, places[0], content, folder))
        if not found:
            raise DataError(f"{path}: names no folder or list of images for train or val")
        return found


def _description_file(source: Path) -> Path | None:
    for path in sorted((*source.glob("*.yaml"), *source.glob("*.yml"))):
        if b"kpt_shape" in path.read_bytes():
            return path
    return None


def _description(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no YAML file ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold keys and values, got {shown(content)}")
    return content


def _shape(description: Mapping[str, Any], path: Path) -> tuple[int, int]:
    shape = description.get("kpt_shape")
    fits = isinstance(shape, list) and len(shape) == 2 and all(isinstance(number, int) for number in shape)
    if not fits or shape[0] < 1 or shape[1] not in (2, 3):  # type: ignore[index]
        raise DataError(f"{path}: kpt_shape must be [number of keypoints, 2 or 3], got {shown(shape)}")
    return shape[0], shape[1]  # type: ignore[index]


def _keypoints(description: Mapping[str, Any], count: int, path: Path) -> dict[str, Any]:
    """Return the keys of a category: names, and mirror pairs where ``flip_idx`` tells them.

    Without ``kpt_names`` they are COCO's for 17, else numbers with the sides that ``flip_idx`` tells.
    """
    flips = _flips(description, count, path)
    names = _given_names(description, count, path)
    if names is None and count == COCO_PERSON.count and flips in (None, list(COCO_PERSON.flip_permutation)):
        names = list(COCO_PERSON.names)
    if names is None:
        names = [_numbered_name(index, flips[index] if flips else index) for index in range(count)]
    if flips is None:
        return {"keypoints": names}
    pairs = [[names[index], names[other]] for index, other in enumerate(flips) if index < other]
    return {"keypoints": names, "flip_pairs": pairs}


def _flips(description: Mapping[str, Any], count: int, path: Path) -> list[int] | None:
    """Return for each keypoint the one that it becomes in a mirror; None where ``flip_idx`` is missing or empty."""
    flips = description.get("flip_idx")
    if flips is None or flips == []:
        return None
    indices = isinstance(flips, list) and all(type(index) is int and 0 <= index < count for index in flips)
    if not indices or len(flips) != count or any(flips[other] != index for index, other in enumerate(flips)):
        raise DataError(
            f"{path}: flip_idx must be {count} indices from 0, each keypoint's that of its mirror image, whose own "
            f"leads back, got {shown(flips)}"
        )
    return list(flips)


def _given_names(description: Mapping[str, Any], count: int, path: Path) -> list[str] | None:
    given = description.get("kpt_names")
    listed = next(iter(given.values()), None) if isinstance(given, dict) else given
    if isinstance(listed, list) and len(listed) == count:
        return [str(name) for name in listed]
    if given is not None:
        raise DataError(f"{path}: kpt_names must be {count} names, as many as kpt_shape says, got {shown(given)}")
    return None


def _numbered_name(index: int, mirrored: int) -> str:
    if mirrored == index:
        return f"point_{index}"
    return f"left_{index}_{mirrored}" if index < mirrored else f"right_{mirrored}_{index}"


def _categories(description: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return number and name of each category; all share the keypoints."""
    names = description.get("names")
    numbered = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else ["person"])
    return [(number, str(name)) for number, name in numbered]


def _place(path: Path, description: Mapping[str, Any], given: str) -> Path | None:
    """Return a file or folder that ``data.yaml`` names; None where there is none.

    Names begin with folders of the machine that wrote them, or with ways up. Nothing but what lies beside ``data.yaml``
    is ever found.
    """
    beside = path.parent.absolute()
    cleaned = given.replace("\\", "/")
    parts = [part for part in cleaned.split("/") if part not in ("", ".", "..")]
    # Of "../test/images" not any folder called images; of an absolute path its last two folders at least.
    most = len(parts) if is_image(given) else max(len(parts) - 1, 1) if cleaned.startswith("/") else 1
    tried = [beside / str(description.get("path") or ".") / given, *(beside.joinpath(*parts[i:]) for i in range(most))]
    inside = (Path(os.path.normpath(place)) for place in tried)
    found = next((place for place in inside if place.is_relative_to(beside) and place.exists()), None)
    return None if found is None else path.parent / found.relative_to(beside)


def _images(place: Path, path: Path, description: Mapping[str, Any]) -> list[Path]:
    """Return the images of a folder, or those that a text file lists."""
    if place.is_dir():
        return sorted(image for image in place.rglob("*") if is_image(image.name))
    if place.suffix != _LIST:
        raise DataError(f"{place}: must be a folder of images or a list of them (*{_LIST})")
    listed = [line.strip() for line in place.read_text(encoding="utf-8").splitlines() if line.strip()]
    found = {line: _place(path, description, line) for line in listed}
    missing = [line for line, image in found.items() if image is None]
    if missing:
        raise DataError(
            f"{place}: {len(missing)} of {len(found)} images are not below {path.parent}, such as {missing[0]}"
        )
    return [image for image in found.values() if image is not None]


def _coco(
    paths: Sequence[Path],
    folder: Path,
    keypoints: Mapping[str, Any],
    dimensions: int,
    named: Sequence[tuple[Any, str]],
) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for image in paths:
        size = read_size(image)
        if size is None:
            raise DataError(f"{image}: cannot be read as an image")
        images.append({"id": len(images) + 1, "file_name": image.relative_to(folder).as_posix()})
        images[-1] |= {"width": size[0], "height": size[1]}
        labels = _label_file(image)
        for number, line in enumerate(labels.read_text(encoding="utf-8").splitlines() if labels.is_file() else (), 1):
            if line.strip():
                person = _person(line, len(keypoints["keypoints"]), dimensions, size, f"{labels}: line {number}")
                people.append({"id": len(people) + 1, "image_id": len(images), **person})
    categories = [{"id": number, "name": name, "skeleton": [], **keypoints} for number, name in named]
    return {"images": images, "annotations": people, "categories": categories}


def _label_file(image: Path) -> Path:
    """Return the file with an image's labels: the last folder called images is called labels there."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _person(line: str, count: int, dimensions: int, size: tuple[int, int], place: str) -> dict[str, Any]:
    try:
        row = [float(value) for value in line.split()]
    except ValueError:
        row = []
    if len(row) != _BOX + dimensions * count:
        raise DataError(
            f"{place}: must be {_BOX + dimensions * count} numbers (class, box, {count} keypoints), got {shown(line)}"
        )
    width, height = size
    x, y, box_width, box_height = row[1] * width, row[2] * height, row[3] * width, row[4] * height
    keypoints: list[float] = []
    for start in range(_BOX, len(row), dimensions):
        values = row[start : start + dimensions]
        visibility = values[2] if dimensions == 3 else 2.0 if any(values) else 0.0
        keypoints += [values[0] * width, values[1] * height, visibility]
    box = [x - box_width / 2, y - box_height / 2, box_width, box_height]
    return {"category_id": row[0], "bbox": box, "area": box_width * box_height, "keypoints": keypoints}

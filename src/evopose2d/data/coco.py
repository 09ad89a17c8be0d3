"""People and keypoints out of COCO annotation and detection files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.schema import DatasetConfig
from evopose2d.errors import DataError
from evopose2d.keypoints import KeypointSchema, schema_from_category


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of a dataset, annotated or detected.

    Attributes:
        image_id: COCO's id of the image.
        annotation_id: COCO's id of the annotation; for a detection its index in the detection file.
        file_name: image file, relative to its split's folder.
        box: (4,) float32 x, y, width, height in image pixels; of an annotation inside the image.
        keypoints: (K, 3) float32 x, y in image pixels and visibility 0, 1 or 2; zeros for a detection.
        score: confidence of the box; 1 for an annotation.
        area: area of the person's segment (of the box, for a detection) in square pixels.
        image_size: width and height of the image in pixels, as the annotation file gives them; None: not known.
    """

    image_id: int
    annotation_id: int
    file_name: str
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    score: float
    area: float
    image_size: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """File name and size in pixels of an image that an annotation file lists."""

    file_name: str
    width: float
    height: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True, eq=False)
class CocoFile:
    """A COCO annotation file.

    Attributes:
        path: where it lies.
        images: its images by id.
        annotations: its entries of ``annotations``, as they are.
        categories: its entries of ``categories``, as they are.
    """

    path: Path
    images: Mapping[int, ImageEntry]
    annotations: Sequence[Mapping[str, Any]]
    categories: Sequence[Mapping[str, Any]]

    @property
    def category(self) -> Mapping[str, Any]:
        """The category that names keypoints.

        Raises:
            DataError: none does, or several do.
        """
        found = [category for category in self.categories if category.get("keypoints")]
        if len(found) != 1:
            names = ", ".join(str(category.get("name")) for category in found) or "none"
            raise DataError(f"{self.path}: exactly one category must name keypoints, got {names}")
        return found[0]


def read_coco(path: Path) -> CocoFile:
    """Read a COCO annotation file; ``annotations`` may be absent (test splits list images alone).

    Raises:
        DataError: the file is missing, is no JSON, or an image entry lacks its id, file name or size.
    """
    content = _read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise DataError(f"{path}: no COCO annotation file, it must be a JSON object with a list 'images'")
    images: dict[int, ImageEntry] = {}
    for index, entry in enumerate(content["images"]):
        try:
            images[int(entry["id"])] = ImageEntry(
                str(entry["file_name"]), float(entry["width"]), float(entry["height"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: entry {index} of images must hold id, file_name, width and height ({error!r})"
            ) from error
    return CocoFile(path, images, content.get("annotations") or [], content.get("categories") or [])


def load_keypoint_schema(annotation_file: Path, config: DatasetConfig) -> KeypointSchema:
    """Read the keypoints that an annotation file names, with what ``dataset`` of ``params.yaml`` adds.

    Raises:
        DataError: the file cannot be used, or its category's keypoints cannot.
        ConfigError: flip pairs, sigmas or upper body do not fit the keypoints.
    """
    return keypoint_schema(read_coco(annotation_file), config)


def keypoint_schema(coco: CocoFile, config: DatasetConfig) -> KeypointSchema:
    """Return the keypoints of a file already read; see ``load_keypoint_schema``."""
    return schema_from_category(coco.category, config.flip_pairs, config.sigmas, config.upper_body)


def annotated_people(coco: CocoFile, keypoint_count: int, *, labelled_only: bool) -> list[Person]:
    """Return the annotated people in the file's order.

    Args:
        coco: the annotation file.
        keypoint_count: K.
        labelled_only: True keeps people, no crowds, with a labelled keypoint (to train on); False keeps
            everybody with a positive area, crowds and unlabelled people too (to evaluate on).

    Raises:
        DataError: an annotation is malformed; the message names it.
    """
    category_id = coco.category.get("id")
    people: list[Person] = []
    seen: set[int] = set()
    for index, entry in enumerate(coco.annotations):
        try:
            if entry["category_id"] != category_id:
                continue
            person = _person(entry, coco.images, keypoint_count)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(_complaint(coco.path, "annotation", entry, index, error)) from error
        if person is None:
            continue
        if person.annotation_id in seen:
            raise DataError(f"{coco.path}: annotation {person.annotation_id}: its id stands there twice")
        seen.add(person.annotation_id)
        if not labelled_only or (person.keypoints[:, 2].any() and not entry.get("iscrowd")):
            people.append(person)
    return people


def detected_people(
    detections_file: Path, images: Mapping[int, ImageEntry], keypoint_count: int, category_id: int
) -> list[Person]:
    """Return the detected people in the file's order, keypoints all zero, boxes as they are unless empty.

    Args:
        detections_file: list of ``{image_id, category_id, bbox, score}``.
        images: images of the split; detections in others are left out.
        keypoint_count: K.
        category_id: detections of other categories are left out.

    Raises:
        DataError: the file is missing or no such list, or a detection is malformed.
    """
    detections = _read_json(detections_file)
    if not isinstance(detections, list):
        raise DataError(f"{detections_file}: no COCO detection file, it must be a JSON list")
    people: list[Person] = []
    for index, entry in enumerate(detections):
        try:
            if entry["category_id"] != category_id or entry["image_id"] not in images:
                continue
            box = _box(entry["bbox"]).astype(np.float32)
            score = _finite(entry["score"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(_complaint(detections_file, "detection", entry, index, error)) from error
        if (box[2:] > 0).all():
            image_id, area = int(entry["image_id"]), float(box[2] * box[3])
            keypoints = np.zeros((keypoint_count, 3), np.float32)
            image = images[image_id]
            people.append(Person(image_id, index, image.file_name, box, keypoints, score, area, image.size))
    return people


def sanitised_box(bbox: Sequence[float], width: float, height: float) -> NDArray[np.float32] | None:
    """Move a box into its image and let it end at its last pixel, as HRNet and EvoPose2D do with annotations.

    Args:
        bbox: x, y, width, height in image pixels.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        (4,) float32 x, y, width, height, of which one may be 0; None where the box lies outside the image.

    Raises:
        ValueError: ``bbox`` is not four finite numbers.
    """
    box = _box(bbox)
    low = np.maximum(box[:2], 0.0)
    high = np.minimum(low + np.maximum(box[2:] - 1.0, 0.0), (width - 1, height - 1))
    if not (high >= low).all():
        return None
    extent = high - low
    # A crop needs an extent: a box of no more than a pixel keeps that pixel.
    return np.concatenate([low, extent if extent.any() else np.ones(2)]).astype(np.float32)


def _box(bbox: Sequence[float]) -> NDArray[np.float64]:
    box = np.asarray(bbox, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"bbox must be four finite numbers, got {bbox}")
    return box


def _person(entry: Mapping[str, Any], images: Mapping[int, ImageEntry], keypoint_count: int) -> Person | None:
    """Build the person of an annotation; None where its area is 0 or its box outside the image."""
    entry_id = int(entry["id"])
    if entry["image_id"] not in images:
        raise ValueError(f"image {entry['image_id']} is not in the file's images")
    image = images[entry["image_id"]]
    box = sanitised_box(entry["bbox"], image.width, image.height)
    keypoints = np.asarray(entry.get("keypoints") or [0] * 3 * keypoint_count, np.float32)
    if keypoints.shape != (3 * keypoint_count,) or not np.isfinite(keypoints).all():
        raise ValueError(f"keypoints must be {3 * keypoint_count} finite numbers, got {keypoints.size}")
    keypoints = keypoints.reshape(keypoint_count, 3)
    visibility = keypoints[:, 2]
    if not ((visibility == 0) | (visibility == 1) | (visibility == 2)).all():
        raise ValueError("visibility of a keypoint must be 0, 1 or 2")
    if box is None:
        return None
    area = _finite(entry["area"]) if "area" in entry else float(box[2] * box[3])
    if area <= 0:
        return None
    return Person(int(entry["image_id"]), entry_id, image.file_name, box, keypoints, 1.0, area, image.size)


def _finite(value: Any) -> float:  # noqa: ANN401 - any JSON value
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"expected a finite number, got {value}")
    return number


def _read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    try:
        with path.open("rb") as file:
            return json.load(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON: {error}") from error


def _complaint(path: Path, kind: str, entry: Any, index: int, error: Exception) -> str:  # noqa: ANN401
    identity = entry.get("id", f"number {index}") if isinstance(entry, Mapping) else f"number {index}"
    reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return f"{path}: {kind} {identity}: {reason}"

"""COCO detection files: boxes of people with scores that some detector found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.data.coco.file import Person
from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.images import ImageEntry
from evopose2d.data.coco.values import identity, number, numbers, read_json, shown, usable, whole
from evopose2d.errors import DataError

_HIGHEST_SCORE = 1.001  # above 1 by rounding


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected box.

    Attributes:
        index: position in the file.
        image_id: what the file calls the image, a number or a text.
        category_id: what it was taken for.
        box: x, y, width, height in image pixels.
        score: 0..1.
    """

    index: int
    image_id: int | str
    category_id: int
    box: tuple[float, float, float, float]
    score: float


def read_detections(path: Path) -> list[Detection]:
    """Read a detection file.

    Raises:
        DataError: as ``parse_detections``, or the file cannot be read.
    """
    return parse_detections(read_json(path), path)


def parse_detections(content: Any, origin: Path | str) -> list[Detection]:  # noqa: ANN401 - any JSON value
    """Check the content of a detection file.

    Args:
        content: a JSON value.
        origin: where it is from, for messages.

    Raises:
        DataError: it is no list of objects with ``image_id``, whole ``category_id``, four finite numbers ``bbox`` and
            ``score``, 0..1; all mistakes are told in one line, the first ten of each kind.
    """
    if not isinstance(content, list):
        raise DataError(f"{origin}: no COCO detection file, it must be a JSON list, got {shown(content)}")
    findings = Findings(Path(origin))
    found = [_detection(entry, index, findings) for index, entry in enumerate(content)]
    findings.raise_mistakes()
    return [detection for detection in found if detection is not None]


def of_category(
    detections: Sequence[Detection], category_id: int, origin: Path | str
) -> tuple[list[Detection], str | None]:
    """Return the detections of people.

    Detectors number categories in their own way: where all are of one category, they are people, whatever its number.

    Args:
        detections: of one file.
        category_id: that of people; where there are several categories, those of this one are people.
        origin: where they are from, for messages.

    Returns:
        The people, and a line that says what was decided; None where nothing had to be.

    Raises:
        DataError: there are several categories, none of them ``category_id``.
    """
    counts = Counter(detection.category_id for detection in detections)
    if not counts or set(counts) == {category_id}:
        return list(detections), None
    if len(counts) == 1:
        (only,) = counts
        return list(detections), (
            f"{origin}: all {len(detections)} detections are of category {only}, which is taken for the people's "
            f"({category_id})"
        )
    listed = ", ".join(f"{key} ({count})" for key, count in sorted(counts.items()))
    if category_id not in counts:
        raise DataError(f"{origin}: detections are of categories {listed}; none is {category_id}, that of the people")
    people = [detection for detection in detections if detection.category_id == category_id]
    return people, (
        f"{origin}: detections are of categories {listed}; the {len(people)} of category {category_id} are taken"
    )


def detected_people(
    detections: Sequence[Detection], images: Mapping[int, ImageEntry], keypoint_count: int
) -> list[Person]:
    """Return the detected people in the file's order, keypoints all zero; boxes are as they are, empty ones left out.

    Args:
        detections: of people.
        images: images of the split; detections in others are left out.
        keypoint_count: K.
    """
    people: list[Person] = []
    for detection in detections:
        if not isinstance(detection.image_id, int) or detection.image_id not in images or min(detection.box[2:]) <= 0:
            continue
        image = images[detection.image_id]
        box = np.array(detection.box, np.float32)
        keypoints = np.zeros((keypoint_count, 3), np.float32)
        area = float(box[2] * box[3])
        people.append(
            Person(
                detection.image_id, detection.index, image.file_name, box, keypoints, detection.score, area, image.size
            )
        )
    return people


def _detection(entry: Any, index: int, findings: Findings) -> Detection | None:  # noqa: ANN401 - any JSON value
    place = f"detection {index}"
    if not isinstance(entry, Mapping):
        findings.mistake(
            "entry", f"{place}: must be an object with image_id, category_id, bbox, score, got {shown(entry)}"
        )
        return None
    absent = [key for key in ("image_id", "category_id", "bbox", "score") if key not in entry]
    if absent:
        findings.mistake("missing", f"{place}: {', '.join(absent)} is missing")
        return None
    image_id, category_id = identity(entry["image_id"]), whole(entry["category_id"])
    box, score = numbers(entry["bbox"]), number(entry["score"])
    if image_id is None:
        findings.mistake("image_id", f"{place}: image_id must be a whole number, got {shown(entry['image_id'])}")
    if category_id is None:
        findings.mistake(
            "category_id", f"{place}: category_id must be a whole number, got {shown(entry['category_id'])}"
        )
    if box is None or box.shape != (4,) or not usable(box):
        findings.mistake("bbox", f"{place}: bbox must be 4 finite numbers, got {shown(entry['bbox'])}")
        return None
    if score is None or not 0 <= score <= _HIGHEST_SCORE:
        findings.mistake("score", f"{place}: score must be a number from 0 to 1, got {shown(entry['score'])}")
        return None
    if image_id is None or category_id is None:
        return None
    x, y, width, height = box.tolist()
    return Detection(index, image_id, category_id, (x, y, width, height), score)

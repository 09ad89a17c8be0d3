"""COCO annotation files as a whole: images, the category with keypoints, and its people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.schema import DatasetConfig
from evopose2d.data.coco.boxes import sanitised_box
from evopose2d.data.coco.category import parse_category
from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.images import FindSize, ImageEntry, coco_object, parse_images
from evopose2d.data.coco.people import Annotation, parse_people
from evopose2d.data.coco.union import ALL, united
from evopose2d.data.coco.values import read_json
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


@dataclass(frozen=True, eq=False)
class CocoFile:
    """A COCO annotation file, checked.

    Attributes:
        path: where it lies.
        images: its images by id.
        people: the people of its category, those that everything else uses: records, AP, pictures.
        category: the category that names keypoints, with ``id``, ``keypoints`` and ``skeleton``.
        findings: what was repaired, and who was left out.
        image_ids: the id of an image for what the file itself calls it.
    """

    path: Path
    images: Mapping[int, ImageEntry]
    people: Sequence[Annotation]
    category: Mapping[str, Any]
    findings: Findings
    image_ids: Mapping[int | str, int]

    @property
    def labelled(self) -> int:
        """Number of people with a labelled keypoint, crowds left out: those that training and AP are about."""
        return sum(1 for person in self.people if person.labelled and not person.is_crowd)


def read_coco(path: Path) -> CocoFile:
    """Read and check a COCO annotation file.

    Raises:
        DataError: the file cannot be read, or has mistakes; all are told in one line, the first ten of each kind.
    """
    return parse_coco(read_json(path), path)


def parse_coco(
    content: Any,  # noqa: ANN401 - any JSON value
    path: Path,
    *,
    category: str | None = None,
    find_size: FindSize | None = None,
    box_from_keypoints: bool = False,
) -> CocoFile:
    """Check the content of a COCO annotation file.

    Args:
        content: a JSON value.
        path: where it is from, for messages.
        category: name or id of the category that is wanted; None: the one with keypoints; ``all``: all as one.
        find_size: gives the sizes of images that the file lacks; None: a missing size is a mistake.
        box_from_keypoints: whether boxes are drawn around the keypoints, where a person has some.

    Raises:
        DataError: as for ``read_coco``.
        ConfigError: no category is called ``category``.
    """
    findings = Findings(path)
    checked: Mapping[str, Any] = coco_object(content, path)
    if category == ALL:
        checked, category = united(checked, findings), None
    images = parse_images(checked, findings, find_size)
    chosen = parse_category(checked, findings, category)
    people = parse_people(checked, images, chosen, findings, box_from_keypoints=box_from_keypoints)
    findings.raise_mistakes()
    if not isinstance(chosen["id"], int):
        findings.repair("the category's id is no whole number and is 1 from now on", f"category {chosen['id']!r}")
        chosen["id"] = 1
    return CocoFile(path, images.by_id, people, chosen, findings, images.ids)


def keypoint_schema(coco: CocoFile, config: DatasetConfig) -> KeypointSchema:
    """Return the keypoints of a file, with what ``dataset`` of ``params.yaml`` adds.

    Raises:
        ConfigError: flip pairs, sigmas or upper body do not fit the keypoints.
    """
    return schema_from_category(coco.category, config.flip_pairs, config.sigmas, config.upper_body)


def annotated_people(coco: CocoFile, *, labelled_only: bool) -> list[Person]:
    """Return the annotated people in the file's order.

    Args:
        coco: the annotation file.
        labelled_only: True keeps people, no crowds, with a labelled keypoint (to train on); False keeps everybody,
            crowds and unlabelled people too (to evaluate on).
    """
    return [
        _person(annotation, coco.images[annotation.image_id])
        for annotation in coco.people
        if not labelled_only or (annotation.labelled and not annotation.is_crowd)
    ]


def _person(annotation: Annotation, image: ImageEntry) -> Person:
    box = sanitised_box(annotation.box, image.width, image.height)
    assert box is not None
    keypoints = annotation.keypoints.astype(np.float32)
    return Person(
        annotation.image_id,
        annotation.annotation_id,
        image.file_name,
        box,
        keypoints,
        1.0,
        annotation.area,
        image.size,
    )

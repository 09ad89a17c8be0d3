"""Pictures of a dataset as a page shows them: small JPEGs, boxes, skeletons and names as vectors over them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from evopose2d.data.coco import Annotation
from evopose2d.data.image_files import read_pixels
from evopose2d.errors import DataError
from evopose2d.survey.dataset import LabelledSplit
from evopose2d.survey.suspicions import Suspicion
from evopose2d.visualization.poses import PREDICTED, keypoint_sides

_LONGEST = 640  # pixels of a picture's longer side
_QUALITY = 80
_MARGIN = 0.1  # around the people, over the longer side of what is shown
_TEXT = 0.028  # height of a name, over the longer side of what is shown


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the page draws it; coordinates are image pixels.

    Attributes:
        title: image file and split.
        notes: what is suspicious about it.
        jpeg: its pixels, as a ``data:`` address.
        size: width and height of the whole image.
        view: x, y, width, height of what is shown.
        unit: height of a name.
        people: for each a box, limbs and joints with colours and names.
    """

    title: str
    notes: list[str]
    jpeg: str
    size: tuple[float, float]
    view: tuple[float, float, float, float]
    unit: float
    people: list[dict[str, Any]]


def chosen(splits: Sequence[LabelledSplit], found: Sequence[Suspicion], number: int, seed: int) -> list[Picture]:
    """Return pictures to show: one of each kind of suspicion first, then images with people, drawn by a seed.

    Args:
        splits: of the dataset.
        found: what is suspicious in them.
        number: of pictures, at most.
        seed: of the choice.
    """
    notes: dict[str, list[str]] = {}
    for each in found:
        place = "" if each.annotation is None else f"annotation {each.annotation}: "
        notes.setdefault(each.file, []).append(f"{place}{each.kind}{each.detail and f': {each.detail}'}")
    first = dict.fromkeys({each.kind: each.file for each in reversed(found)}.values())
    peopled = [(split, image_id) for split in splits for image_id, people in split.people_of().items() if people]
    order = np.random.default_rng(seed).permutation(len(peopled))
    drawn = [peopled[index] for index in order]
    # Stable: images of suspicions come first, the others stay in the order that was drawn.
    drawn.sort(key=lambda place: _path(*place) not in first)
    pictures: list[Picture] = []
    for split, image_id in drawn:
        if len(pictures) == number:
            break
        picture = _picture(split, image_id, notes.get(_path(split, image_id), []))
        if picture is not None:
            pictures.append(picture)
    return pictures


def _path(split: LabelledSplit, image_id: int) -> str:
    return str(split.folder / split.coco.images[image_id].file_name)


def _picture(split: LabelledSplit, image_id: int, notes: list[str]) -> Picture | None:
    """Return an image with its people; None where it cannot be read."""
    image = split.coco.images[image_id]
    try:
        pixels = read_pixels(split.folder / image.file_name, labelled_size=image.size)
    except DataError:
        return None
    people = split.people_of()[image_id]
    scale = min(_LONGEST / max(pixels.shape[:2]), 1.0)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    view = _view(image.size, people)
    return Picture(
        title=f"{image.file_name} ({split.split.name})",
        notes=notes,
        jpeg="data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode(),
        size=image.size,
        view=view,
        unit=_TEXT * max(view[2:]),
        people=[_person(split, person, view) for person in people],
    )


def _view(size: tuple[float, float], people: Sequence[Annotation]) -> tuple[float, float, float, float]:
    """Return the part of an image in which its people are, labelled keypoints outside the image included."""
    corners = [np.array([person.box[:2], np.add(person.box[:2], person.box[2:])]) for person in people]
    points = np.concatenate([*corners, *(person.keypoints[person.keypoints[:, 2] > 0, :2] for person in people)])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * max(float((high - low).max()), 1.0)
    inside = (points >= 0).all() and (points <= size).all()
    low, high = low - margin, high + margin
    if inside:
        low, high = np.maximum(low, 0), np.minimum(high, size)
    x, y, right, bottom = (float(value) for value in (*low, *high))
    return x, y, right - x, bottom - y


def _person(split: LabelledSplit, person: Annotation, view: tuple[float, float, float, float]) -> dict[str, Any]:
    schema, points, visibility = split.schema, person.keypoints[:, :2], person.keypoints[:, 2]
    colours = ["rgb({}, {}, {})".format(*getattr(PREDICTED, side)) for side in keypoint_sides(schema)]
    centre = "rgb({}, {}, {})".format(*PREDICTED.centre)
    limbs = [
        {
            "start": points[a].tolist(),
            "end": points[b].tolist(),
            "colour": colours[a] if colours[a] == colours[b] else centre,
        }
        for a, b in schema.skeleton
        if visibility[a] and visibility[b]
    ]
    joints = [
        {
            "name": schema.names[index],
            "place": points[index].tolist(),
            "colour": colours[index],
            "hidden": visibility[index] == 1,
        }
        for index in np.flatnonzero(visibility)
    ]
    # Names of a person who is small in the view would lie on each other; they are told under the pointer.
    named = max(person.box[2:]) > 0.35 * max(view[2:])
    return {
        "id": person.annotation_id,
        "box": person.box,
        "crowd": person.is_crowd,
        "limbs": limbs,
        "joints": joints,
        "named": named,
    }

"""The people that a COCO file annotates: checked, repaired where nothing is guessed, left out where nothing helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.coco.boxes import area_inside, box_around, is_outside
from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.images import ImageEntry, Images
from evopose2d.data.coco.values import LARGEST_ID, entries, identity, number, numbers, shown, usable, whole

_CROWD = {0: False, 1: True}
_VISIBILITIES = frozenset((0.0, 1.0, 2.0))
_NORMALISED = 1.5  # no person of pixels is as small


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One annotated person.

    Attributes:
        annotation_id: positive whole number of 64 bits, distinct.
        image_id: id of an image of the file.
        box: x, y, width, height in image pixels, the last two above 0, some of it in the image.
        area: area of the person's segment, or of the box, in square pixels, above 0.
        keypoints: (K, 3) float64 x, y in image pixels and visibility 0, 1 or 2.
        is_crowd: whether the box is of a group of people.
        index: position of the entry in the file.
    """

    annotation_id: int
    image_id: int
    box: tuple[float, float, float, float]
    area: float
    keypoints: NDArray[np.float64]
    is_crowd: bool
    index: int

    @property
    def labelled(self) -> int:
        """Number of labelled keypoints."""
        return int(np.count_nonzero(self.keypoints[:, 2]))


@dataclass
class _Reader:
    """Reads the annotations of one file, one after the other."""

    images: Images
    category_id: int | str
    keypoint_names: Sequence[str]
    findings: Findings
    category_ids: frozenset[int | str | None]
    box_from_keypoints: bool = False
    largest_box: float = 0.0
    seen: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, entry: Any, index: int) -> Annotation | None:  # noqa: ANN401 - any JSON value
        """Return the person of an entry; None for other categories, mistakes and people left out."""
        if not isinstance(entry, Mapping):
            self.findings.mistake(
                "annotation entry", f"annotation number {index}: must be an object, got {shown(entry)}"
            )
            return None
        place = f"annotation {shown(entry['id']) if 'id' in entry else f'number {index}'}"
        if not self._is_of_category(entry, place):
            return None
        image = self._image(entry, place)
        keypoints = self._keypoints(entry, place)
        box = self._given_box(entry, place)
        is_crowd = self._is_crowd(entry, place)
        area = self._given_area(entry, place)
        if image is None or keypoints is None or box is None or is_crowd is None or area is None:
            return None
        image_id, size = image
        self._count_keypoints(entry, keypoints, place)
        self.largest_box = max(self.largest_box, box[0] + box[2], box[1] + box[3])
        fitting = self._fitting_box(box, keypoints, size, place)
        if fitting is None:
            return None
        annotation_id = self._number(entry, index, place)
        if annotation_id is None:
            return None
        if not 0 < area <= size.width * size.height:
            self.findings.repair("area taken from the box", place)
            area = area_inside(fitting, size.width, size.height)
        return Annotation(annotation_id, image_id, fitting, area, keypoints, is_crowd, index)

    def _is_of_category(self, entry: Mapping[str, Any], place: str) -> bool:
        given = entry.get("category_id")
        key = identity(given)
        if key == self.category_id:
            return True
        if given is None and len(self.category_ids) == 1:
            self.findings.repair("category_id is missing, taken as that of the only category", place)
            return True
        if given is None:
            self.findings.leave_out("category_id is missing, and there are several categories", place)
        elif key not in self.category_ids:
            self.findings.leave_out(f"category_id {shown(given)} is none of the file's categories", place)
        else:
            self.findings.note("annotations of other categories are not used", place)
        return False

    def _image(self, entry: Mapping[str, Any], place: str) -> tuple[int, ImageEntry] | None:
        key = identity(entry.get("image_id"))
        if key is None or key not in self.images.ids:
            received = shown(entry["image_id"]) if "image_id" in entry else "is missing and"
            self.findings.mistake("image_id", f"{place}: image_id {received} is no image of the file")
            return None
        image_id = self.images.ids[key]
        return image_id, self.images.by_id[image_id]

    def _keypoints(self, entry: Mapping[str, Any], place: str) -> NDArray[np.float64] | None:
        count = len(self.keypoint_names)
        given = entry.get("keypoints")
        if given is None or given == []:
            return np.zeros((count, 3))
        values = numbers(given)
        if values is None or values.shape not in ((3 * count,), (count, 3)):
            received = shown(given) if values is None else f"{values.size}"
            self.findings.mistake(
                "keypoints",
                f"{place}: keypoints must be {3 * count} numbers (x, y, visibility of {count}), got {received}",
            )
            return None
        keypoints = values.reshape(count, 3)
        visibility = keypoints[:, 2]
        unknown = set(visibility.tolist()) - _VISIBILITIES
        if unknown:
            wrong = next(value for value in visibility.tolist() if value in unknown or value != value)
            self.findings.mistake("visibility", f"{place}: keypoints: visibility must be 0, 1 or 2, got {wrong:g}")
            return None
        if usable(keypoints):
            return keypoints
        unlabelled = visibility == 0
        if not usable(keypoints[~unlabelled]):
            row = int(np.flatnonzero(~unlabelled & ~(np.abs(keypoints) <= 1e9).all(axis=1))[0])
            x, y = keypoints[row, :2]
            self.findings.mistake(
                "coordinates",
                f"{place}: keypoint {self.keypoint_names[row]}: x and y of a labelled keypoint must be pixels, "
                f"got {x:g}, {y:g}",
            )
            return None
        keypoints[unlabelled] = np.nan_to_num(keypoints[unlabelled], nan=0.0, posinf=0.0, neginf=0.0)
        return keypoints

    def _given_box(self, entry: Mapping[str, Any], place: str) -> tuple[float, float, float, float] | None:
        """Return the box as it is given; a box of no size where none is."""
        given = entry.get("bbox")
        if given is None or given == []:
            return 0.0, 0.0, 0.0, 0.0
        values = numbers(given)
        if values is None or values.shape != (4,) or not usable(values):
            self.findings.mistake(
                "bbox", f"{place}: bbox must be 4 finite numbers (x, y, width, height), got {shown(given)}"
            )
            return None
        x, y, width, height = values.tolist()
        return x, y, width, height

    def _is_crowd(self, entry: Mapping[str, Any], place: str) -> bool | None:
        given = entry.get("iscrowd")
        value = 0 if given is None or given == "" else int(given) if isinstance(given, bool) else whole(given)
        if isinstance(given, str) and given.lower() in ("true", "false"):
            value = int(given.lower() == "true")
        if value not in _CROWD:
            self.findings.mistake("iscrowd", f"{place}: iscrowd must be 0 or 1, got {shown(given)}")
            return None
        return _CROWD[value]

    def _given_area(self, entry: Mapping[str, Any], place: str) -> float | None:
        """Return the area as it is given; 0 where none is, or one that is no finite number."""
        given = entry.get("area")
        value = 0.0 if given is None else number(given)
        if value is None:
            self.findings.mistake("area", f"{place}: area must be a number of square pixels, got {shown(given)}")
            return None
        return value if np.isfinite(value) else 0.0

    def _count_keypoints(self, entry: Mapping[str, Any], keypoints: NDArray[np.float64], place: str) -> None:
        given = entry.get("num_keypoints")
        if "num_keypoints" in entry and whole(given) != np.count_nonzero(keypoints[:, 2]):
            self.findings.repair("num_keypoints counted from the keypoints", place)

    def _fitting_box(
        self, box: tuple[float, float, float, float], keypoints: NDArray[np.float64], image: ImageEntry, place: str
    ) -> tuple[float, float, float, float] | None:
        fault = None
        if min(box[2:]) <= 0:
            fault = "without size" if max(map(abs, box)) > 0 else "missing or empty"
        elif is_outside(box, image.width, image.height):
            fault = "outside the image"
        if fault is None and not self.box_from_keypoints:
            return box
        around = box_around(keypoints[keypoints[:, 2] > 0, :2], image.width, image.height)
        if around is not None and not is_outside(around, image.width, image.height):
            self.findings.repair(f"box {fault or 'given'}, drawn around the keypoints", place)
            return around
        if fault is None:
            return box
        self.findings.leave_out(f"box {fault}, and no labelled keypoint in the image to draw one around", place)
        return None

    def _number(self, entry: Mapping[str, Any], index: int, place: str) -> int | None:
        """Return the person's id, a negative one where it has to be renumbered; None for an entry that stands twice."""
        given = whole(entry.get("id"))
        if given is None or not 0 < given <= LARGEST_ID:
            return -1 - index
        if given not in self.seen:
            self.seen[given] = entry
            return given
        if self.seen[given] == entry:
            self.findings.repair("annotations that stand there twice are taken once", place)
            return None
        return -1 - index

    def judge_units(self, people: Sequence[Annotation]) -> None:
        """Tell coordinates that are no pixels, once all people are read."""
        largest = max((max(image.size) for image in self.images.by_id.values()), default=0.0)
        if largest <= 2 * _NORMALISED or not people:
            return
        keypoints = np.stack([person.keypoints for person in people])
        sizes = np.array([self.images.by_id[person.image_id].size for person in people])
        labelled = keypoints[..., 2] > 0
        points = keypoints[..., :2]
        count, farthest = int(labelled.sum()), float(np.abs(points[labelled]).max(initial=0.0))
        inside = int((labelled & ((points >= 0) & (points <= sizes[:, None])).all(axis=-1)).sum())
        cure = "they look like parts of the image; multiply x and width by its width, y and height by its height"
        if 0 < self.largest_box <= _NORMALISED:
            self.findings.mistake("units", f"all boxes lie within {self.largest_box:g} pixels: {cure}")
        if 0 < farthest <= _NORMALISED:
            self.findings.mistake("units", f"all keypoints lie within {farthest:g} pixels: {cure}")
        elif count and not inside:
            self.findings.mistake(
                "outside", f"all {count} labelled keypoints lie outside their images; they must be image pixels"
            )
        elif inside < count:
            self.findings.note(f"{count - inside} of {count} labelled keypoints lie outside their images")


def parse_people(
    content: Mapping[str, Any],
    images: Images,
    category: Mapping[str, Any],
    findings: Findings,
    *,
    box_from_keypoints: bool = False,
) -> list[Annotation]:
    """Return the people of the category in the file's order; mistakes, repairs and who is left out go to ``findings``.

    Ids that are missing, repeated, 0, negative or no whole numbers of 64 bits are renumbered.

    Args:
        content: of a COCO file.
        images: of the file.
        category: whose people are wanted, with ``id`` and names of ``keypoints``.
        findings: of the file.
        box_from_keypoints: whether boxes are drawn around the keypoints, where a person has some.
    """
    listed = entries(content, "annotations")
    if listed is None:
        findings.mistake("annotations", f"annotations must be a list of objects, got {shown(content['annotations'])}")
        return []
    ids = frozenset(
        identity(entry.get("id")) for entry in entries(content, "categories") or () if isinstance(entry, Mapping)
    )
    reader = _Reader(images, category["id"], category["keypoints"], findings, ids, box_from_keypoints)
    people = [person for index, entry in enumerate(listed) if (person := reader.read(entry, index)) is not None]
    reader.judge_units(people)
    return _renumbered(people, reader.seen, listed, findings)


def _renumbered(
    people: list[Annotation], taken: Mapping[int, object], listed: Sequence[Any], findings: Findings
) -> list[Annotation]:
    following = 1
    result = []
    for person in people:
        number = person.annotation_id
        if number < 0:
            while following in taken:
                following += 1
            number, following = following, following + 1
            findings.repair(
                "annotation ids that are repeated, 0 or no whole numbers are renumbered",
                f"annotation {shown(listed[person.index].get('id'))} is {number}",
            )
            person = Annotation(
                number, person.image_id, person.box, person.area, person.keypoints, person.is_crowd, person.index
            )
        result.append(person)
    return result

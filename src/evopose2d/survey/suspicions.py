"""What looks wrong in a dataset, with file and annotation: hints for eyes, nothing of it stops anything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evopose2d.data.coco import Annotation
from evopose2d.files import file_sha256
from evopose2d.survey.dataset import LabelledSplit
from evopose2d.survey.sides import exchanged_sides

_BEYOND = 2.0  # pixels that a box may reach beyond its image: tools round
_FAR = 0.25  # of the box's longer side, that a keypoint may lie outside of it
_SAME_BOX = 0.95  # intersection over union of boxes that are one
_SAME_POSE = 0.02  # of the box's longer side, mean distance of the keypoints of poses that are one


@dataclass(frozen=True)
class Suspicion:
    """Something that looks wrong.

    Attributes:
        kind: what, the same text for all of a kind.
        split: name of the split.
        file: the image file.
        annotation: id of the annotation; None: it is about the image.
        detail: what was found there.
    """

    kind: str
    split: str
    file: str
    annotation: int | None
    detail: str


def suspicions(splits: Sequence[LabelledSplit]) -> list[Suspicion]:
    """Return what looks wrong in a dataset's splits, by kind."""
    found = [*_equal_files(splits)]
    for split in splits:
        exchanged = exchanged_sides([person.keypoints for person in split.coco.people], split.schema)
        for image_id, people in split.people_of().items():
            found += _of_image(split, image_id)
            found += (each for person in people for each in _of_person(split, person))
            found += _duplicates(split, people)
        for index, detail in exchanged:
            person = split.coco.people[index]
            found.append(_at(split, person, "left and right exchanged, beside the others", detail))
    return sorted(found, key=lambda each: each.kind)


def is_duplicate(person: Annotation, other: Annotation) -> bool:
    """Return whether two annotations of one image are of one person: the same pose, or without poses the same box."""
    labelled = (person.keypoints[:, 2] > 0) & (other.keypoints[:, 2] > 0)
    if labelled.any():
        distance = np.linalg.norm(person.keypoints[labelled, :2] - other.keypoints[labelled, :2], axis=1).mean()
        return bool(distance < _SAME_POSE * max(person.box[2:])) and _overlap(person, other) > 0.5
    return not person.labelled and not other.labelled and _overlap(person, other) > _SAME_BOX


def _overlap(person: Annotation, other: Annotation) -> float:
    """Return the intersection over union of two boxes."""
    low = np.maximum(person.box[:2], other.box[:2])
    high = np.minimum(np.add(person.box[:2], person.box[2:]), np.add(other.box[:2], other.box[2:]))
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(np.prod(person.box[2:])) + float(np.prod(other.box[2:])) - shared)


def _of_image(split: LabelledSplit, image_id: int) -> Iterator[Suspicion]:
    image, facts = split.coco.images[image_id], split.files.get(image_id)
    place = (split.split.name, str(split.folder / image.file_name), None)
    if facts is None:
        yield Suspicion("image missing or unreadable", *place, "")
        return
    if image.size != facts.upright and image.size != facts.stored:
        told = "is {:g} x {:g} pixels, ".format(*facts.upright) + "labelled as {:g} x {:g}".format(*image.size)
        yield Suspicion("size differs from the file's", *place, told)
    if facts.turned:
        seen = "of the pixels as stored" if image.size == facts.stored != facts.upright else "of the upright picture"
        yield Suspicion("photograph that its camera stored turned", *place, f"its labels are taken as those {seen}")


def _of_person(split: LabelledSplit, person: Annotation) -> Iterator[Suspicion]:
    image = split.coco.images[person.image_id]
    x, y, width, height = person.box
    beyond = max(-x, -y, x + width - image.width, y + height - image.height)
    if beyond > _BEYOND:
        yield _at(split, person, "box reaches beyond the image", f"by {beyond:.0f} pixels")
    if person.is_crowd:
        return
    points, labelled = person.keypoints[:, :2], person.keypoints[:, 2] > 0
    outside = labelled & ~((points >= 0) & (points <= image.size)).all(axis=1)
    if outside.any():
        yield _at(split, person, "keypoints outside the image", _named(split, np.flatnonzero(outside)))
    low, high = np.array([x, y]), np.array([x + width, y + height])
    distance = np.maximum(np.maximum(low - points, points - high), 0).max(axis=1)
    far = labelled & ~outside & (distance > _FAR * max(width, height))
    if far.any():
        yield _at(split, person, "keypoints far outside their box", _named(split, np.flatnonzero(far)))
    seen: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for index in np.flatnonzero(labelled):
        seen[tuple(points[index])].append(int(index))
    stacked = [index for group in seen.values() if len(group) > 1 for index in group]
    if stacked:
        yield _at(split, person, "keypoints in one place", _named(split, stacked))


def _duplicates(split: LabelledSplit, people: Sequence[Annotation]) -> Iterator[Suspicion]:
    for first, second in combinations([person for person in people if not person.is_crowd], 2):
        if is_duplicate(first, second):
            yield _at(split, second, "person annotated twice", f"as annotation {first.annotation_id}")


def _equal_files(splits: Sequence[LabelledSplit]) -> Iterator[Suspicion]:
    """Yield the images whose file is another's, byte by byte, in any split."""
    by_bytes: dict[int, list[tuple[LabelledSplit, int]]] = defaultdict(list)
    for split in splits:
        for image_id, facts in split.files.items():
            by_bytes[facts.bytes].append((split, image_id))
    first: dict[str, tuple[LabelledSplit, str]] = {}
    for alike in by_bytes.values():
        for split, image_id in alike if len(alike) > 1 else ():
            path = split.folder / split.coco.images[image_id].file_name
            known = first.setdefault(file_sha256(path), (split, str(path)))
            if known[1] != str(path):
                kind = "image is there twice" if known[0] is split else "image is in train and val"
                yield Suspicion(kind, split.split.name, str(path), None, f"the same as {known[1]}")


def _at(split: LabelledSplit, person: Annotation, kind: str, detail: str) -> Suspicion:
    file = str(split.folder / split.coco.images[person.image_id].file_name)
    return Suspicion(kind, split.split.name, file, person.annotation_id, detail)


def _named(split: LabelledSplit, indices: Iterable[int]) -> str:
    return ", ".join(split.schema.names[index] for index in indices)

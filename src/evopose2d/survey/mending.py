"""A dataset's labels mended where nothing is guessed: what is wrong has one right value, or stands there twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.data.coco import Annotation, read_json
from evopose2d.data.download.folder import link
from evopose2d.errors import DataError
from evopose2d.files import write_json
from evopose2d.progress import progress_bar
from evopose2d.survey.dataset import LabelledSplit
from evopose2d.survey.suspicions import is_duplicate

_ROUNDING = 0.01  # pixels that a box may reach beyond its image


@dataclass
class _Mender:
    """Mends the annotation file of one split, and counts what it did."""

    split: LabelledSplit
    done: Counter[str] = field(default_factory=Counter)
    people: Mapping[int, Sequence[Annotation]] = field(init=False)

    def __post_init__(self) -> None:
        self.people = self.split.people_of()

    def content(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the mended content of the annotation file."""
        images = {image["id"]: mended for image in given["images"] if (mended := self._image(image)) is not None}
        twice = self._twice()
        people = []
        for person in given["annotations"]:
            if person["image_id"] in images and person["id"] not in twice:
                people.append(self._person(person, images[person["image_id"]]))
        self.done["people who were annotated twice are there once"] += len(twice)
        return {**given, "images": list(images.values()), "annotations": people}

    def _image(self, image: dict[str, Any]) -> dict[str, Any] | None:
        facts = self.split.files.get(image["id"])
        if facts is None:
            self.done["images without a readable file are left out"] += 1
            return None
        size = (image["width"], image["height"])
        if size in (facts.upright, facts.stored) or not self._fits(image["id"], facts.upright):
            return image
        self.done["sizes of images are those of their files"] += 1
        return {**image, "width": facts.upright[0], "height": facts.upright[1]}

    def _fits(self, image_id: int, size: tuple[int, int]) -> bool:
        """Return whether all labels of an image lie within a size: else they may be of another picture."""
        points = [person.keypoints[person.keypoints[:, 2] > 0, :2] for person in self.people[image_id]]
        return all(bool((each <= size).all()) for each in points)

    def _twice(self) -> set[int]:
        """Return the ids of annotations that say again what an earlier one says; of two, the fuller one stays."""
        gone: set[int] = set()
        for people in self.people.values():
            kept: list[Annotation] = []
            for person in sorted((each for each in people if not each.is_crowd), key=lambda each: -each.labelled):
                if any(is_duplicate(other, person) for other in kept):
                    gone.add(person.annotation_id)
                else:
                    kept.append(person)
        return gone

    def _person(self, person: dict[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
        size = np.array([image["width"], image["height"]], float)
        keypoints = np.array(person["keypoints"], float).reshape(-1, 3)
        outside = (keypoints[:, 2] > 0) & ~((keypoints[:, :2] >= 0) & (keypoints[:, :2] <= size)).all(axis=1)
        given = np.array(person["bbox"], float)
        low, high = np.clip(given[:2], 0, size), np.clip(given[:2] + given[2:], 0, size)
        box = [*low.tolist(), *(high - low).tolist()]
        beyond = max(float((-given[:2]).max()), float((given[:2] + given[2:] - size).max()))
        changes: dict[str, Any] = {}
        if beyond > _ROUNDING and min(box[2:]) > 0:
            self.done["boxes end at the image's border"] += 1
            changes["bbox"] = box
        if outside.any():
            self.done["keypoints outside their image are unlabelled"] += int(outside.sum())
            keypoints[outside] = 0
            changes |= {"keypoints": keypoints.ravel().tolist(), "num_keypoints": int((keypoints[:, 2] > 0).sum())}
        return person | changes


def mend(splits: Sequence[LabelledSplit], folder: Path) -> dict[str, int]:
    """Write a mended copy of a dataset, its images linked, that ``dataset.source`` takes; the dataset stays as it is.

    Args:
        splits: the dataset's.
        folder: of the copy, new or empty.

    Returns:
        How often what was done.

    Raises:
        DataError: the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"--fixed: {folder} is there already; name a new folder, or remove it")
    done: Counter[str] = Counter()
    for split in splits:
        mender = _Mender(split)
        content = mender.content(read_json(split.coco.path))
        done += mender.done
        with progress_bar(f"link {split.split.images}", len(content["images"]), unit="image") as bar:
            for image in content["images"]:
                link(split.folder / image["file_name"], folder / split.split.images / image["file_name"])
                bar.update()
        write_json(folder / split.split.annotations, content, indent=None)
    return dict(done)

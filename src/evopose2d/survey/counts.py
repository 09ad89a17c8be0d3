"""What a dataset holds, in numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evopose2d.survey.dataset import LabelledSplit

_QUANTILES = {"smallest": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "largest": 1.0}


@dataclass(frozen=True)
class Counts:
    """One split in numbers.

    Attributes:
        split: its name.
        images: in the annotation file.
        images_without_people: those of them in which nobody is annotated.
        people: annotated, crowds left out.
        unlabelled_people: those of them without a labelled keypoint.
        crowds: annotations of groups.
        keypoints: for each keypoint its name and how many people have it visible, hidden and unlabelled.
        box_sizes: the quantiles of the boxes' width and height, in pixels.
    """

    split: str
    images: int
    images_without_people: int
    people: int
    unlabelled_people: int
    crowds: int
    keypoints: list[dict[str, Any]]
    box_sizes: list[dict[str, Any]]


def count(split: LabelledSplit) -> Counts:
    """Count a split's images, people, keypoints and box sizes."""
    people = [person for person in split.coco.people if not person.is_crowd]
    names = split.schema.names
    visibility = np.array([person.keypoints[:, 2] for person in people]).reshape(-1, len(names))
    sizes = np.array([person.box[2:] for person in people]).reshape(-1, 2)
    tallies = [(visibility == value).sum(axis=0) for value in (2, 1, 0)]
    return Counts(
        split=split.split.name,
        images=len(split.coco.images),
        images_without_people=sum(not found for found in split.people_of().values()),
        people=len(people),
        unlabelled_people=int((visibility == 0).all(axis=1).sum()),
        crowds=len(split.coco.people) - len(people),
        keypoints=[
            {"name": name, "visible": int(visible), "hidden": int(hidden), "unlabelled": int(unlabelled)}
            for name, visible, hidden, unlabelled in zip(names, *tallies, strict=True)
        ],
        box_sizes=[
            {"boxes": label, "width": float(width), "height": float(height)}
            for label, (width, height) in zip(
                _QUANTILES, np.quantile(sizes, list(_QUANTILES.values()), axis=0), strict=True
            )
        ]
        if len(sizes)
        else [],
    )

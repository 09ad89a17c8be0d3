"""Where the files of a dataset lie below its root: COCO's own layout."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath


@dataclass(frozen=True)
class Split:
    """The files of one split, relative to the dataset's root.

    Attributes:
        name: ``train``, ``val`` or ``test-dev``.
        annotations: the annotation file.
        images: the folder of its images.
        detections: the person detections, which a split may lack.
        labelled: whether the annotation file holds people (test-dev's holds images alone).
    """

    name: str
    annotations: str
    images: str
    detections: str
    labelled: bool


TRAIN = Split(
    "train",
    "annotations/person_keypoints_train2017.json",
    "train2017",
    "detections/person_detections_train2017.json",
    labelled=True,
)
VAL = Split(
    "val",
    "annotations/person_keypoints_val2017.json",
    "val2017",
    "detections/person_detections_val2017.json",
    labelled=True,
)
TEST_DEV = Split(
    "test-dev",
    "annotations/image_info_test-dev2017.json",
    "test2017",
    "detections/person_detections_test-dev2017.json",
    labelled=False,
)
SPLITS = (TRAIN, VAL, TEST_DEV)

OFFICIAL = "coco2017"
"""``dataset.source`` of COCO's own images."""

ARCHIVES = "archives"
DATASET_FOLDERS = ("annotations", "detections", *(split.images for split in SPLITS))


_IMAGES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"))
VIDEOS = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"))
"""Suffixes of videos."""


def is_image(name: str) -> bool:
    """Tell an image from other files by its suffix."""
    return PurePosixPath(name).suffix.lower() in _IMAGES


def leaves_folder(name: str) -> bool:
    """Return whether a relative file name, read the POSIX or the Windows way, could point outside its folder."""
    windows = PureWindowsPath(name)
    absolute = PurePosixPath(name).is_absolute() or bool(windows.drive or windows.root)
    return absolute or ".." in windows.parts


def files_below(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield each file below ``folder``, if there is one, as (path relative to it, size in bytes)."""
    for parent, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(parent, name)
            if path.exists():
                yield path.relative_to(folder).as_posix(), path.stat().st_size

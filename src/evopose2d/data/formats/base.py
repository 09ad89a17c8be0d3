"""What every format of labelled images is read into: COCO's annotation file, whose reader judges it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evopose2d.data.coco.values import read_json
from evopose2d.data.download.layout import SPLITS, Split
from evopose2d.errors import DataError

_SPLIT_WORDS = {
    "train": ("train", "training", "train2017"),
    "val": ("val", "valid", "validation", "val2017"),
    "test-dev": ("test", "testing", "test-dev"),
}


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels, as a file or a folder of a source holds them.

    Attributes:
        split: the name of the split that the source gives them; None: the source has no splits.
        path: the file or folder that the labels come from, for messages.
        content: content of a COCO annotation file; nothing is checked yet.
        images: folder in which the images' names are looked for first.
        detections: a COCO file of detected boxes, if there is one.
        write_images: writes images that are no files, as frames of a video, into a folder, by their names; None: all
            are files.
    """

    split: str | None
    path: Path
    content: Any
    images: Path
    detections: Path | None = None
    write_images: Callable[[Path], None] | None = None


class Format(Protocol):
    """A format of labelled images."""

    @property
    def name(self) -> str:
        """What ``dataset.format`` calls it."""

    def recognises(self, source: Path) -> bool:
        """Tell from the files of a folder whether they are in this format; no file is read in full."""

    def read(self, source: Path) -> list[LabelledImages]:
        """Read the labels.

        Raises:
            DataError: a file cannot be read; the message is one line that names it.
        """


def split_of(*names: str) -> str | None:
    """Return the split that a file's or folder's name speaks of; None where it speaks of none."""
    for name in names:
        words = name.lower().replace("-", "_").replace(".", "_").split("_")
        for split, known in _SPLIT_WORDS.items():
            if any(word in known for word in words):
                return split
    return None


def split_named(name: str) -> Split:
    """Return the places of a split's files in COCO's layout."""
    return next(split for split in SPLITS if split.name == name)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that must hold an object.

    Raises:
        DataError: it cannot be read or holds something else.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: must be a JSON object, got a {type(content).__name__}")
    return content

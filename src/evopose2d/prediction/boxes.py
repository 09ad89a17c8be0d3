"""Where people stand: boxes from a file, from the user, from a detector, or the whole image."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.coco import Detection, ImageEntry, read_detections, read_images
from evopose2d.data.coco.detections import of_category
from evopose2d.errors import ConfigError, DataError
from evopose2d.prediction.sources import Picture, is_video

PERSON = 1
"""COCO's category of people."""

logger = logging.getLogger(__name__)


class Boxes(NamedTuple):
    """The people of one picture.

    Attributes:
        places: (N, 4) float64 x, y, width, height in image pixels.
        scores: (N,) float64, 0..1.
    """

    places: NDArray[np.float64]
    scores: NDArray[np.float64]


BoxSource = Callable[[Picture], Boxes]


def whole_picture(picture: Picture) -> Boxes:
    """Take the whole picture for one person."""
    height, width = picture.pixels.shape[:2]
    return Boxes(np.array([[0.0, 0.0, width, height]]), np.ones(1))


def parse_boxes(texts: Sequence[str]) -> Boxes:
    """Read boxes written as ``x,y,width,height``.

    Raises:
        ConfigError: one is not four numbers, or has no extent.
    """
    places = []
    for text in texts:
        try:
            place = [float(number) for number in text.split(",")]
        except ValueError:
            place = []
        if len(place) != 4 or not np.isfinite(place).all() or min(place[2:]) <= 0:
            raise ConfigError(f"--box: got {text!r}, must be x,y,width,height in pixels, the last two above 0")
        places.append(place)
    return Boxes(np.array(places), np.ones(len(places)))


class GivenBoxes:
    """The same boxes for every picture; one that a picture does not reach is left out there, with a warning a file.

    Args:
        boxes: the boxes.
    """

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes
        self._warned: set[Path] = set()  # a video says it once, not of each frame

    def __call__(self, picture: Picture) -> Boxes:
        """Return the boxes that have pixels in common with the picture."""
        height, width = picture.pixels.shape[:2]
        x, y, box_width, box_height = self._boxes.places.T
        touches = (x < width) & (y < height) & (x + box_width > 0) & (y + box_height > 0)
        if not touches.all() and picture.path not in self._warned:
            self._warned.add(picture.path)
            outside = "; ".join(",".join(f"{number:g}" for number in place) for place in self._boxes.places[~touches])
            logger.warning(
                "--box: got %s, outside the %d x %d pixels of %s; left out there", outside, width, height, picture.path
            )
        return Boxes(self._boxes.places[touches], self._boxes.scores[touches])


class DetectionFile:
    """Boxes from a COCO detection file.

    An entry is matched to an image by ``image_id``: the id that the annotation file gives the image, or without such a
    file the number that the image is named by (``000000000785.jpg``); of a frame its number in the video, from 0. The
    annotation file's names may have folders: that of most of an image's own counts, or the name alone where only one
    image of the file has it.

    Args:
        path: a JSON list of ``{image_id, category_id, bbox, score}``.
        pictures: all images and videos, to find out early that nothing fits.
        annotations: COCO annotation file that lists the images; None: ids are in their names.
        threshold: detections below this score are left out.
        category: of those that count where there are several; where all are of one category, they are people.

    Raises:
        DataError: a file cannot be read, or no entry is of the category, or none fits any image.
    """

    def __init__(
        self,
        path: Path,
        pictures: Sequence[Path],
        *,
        annotations: Path | None = None,
        threshold: float = 0.0,
        category: int = PERSON,
    ) -> None:
        self._listed: Mapping[int, ImageEntry] = {} if annotations is None else read_images(annotations).by_id
        self._are_listed = annotations is not None
        self._ids = {PurePosixPath(entry.file_name).parts: number for number, entry in self._listed.items()}
        of_name = Counter(parts[-1] for parts in self._ids)
        self._by_name = {parts[-1]: number for parts, number in self._ids.items() if of_name[parts[-1]] == 1}
        people, line = of_category(read_detections(path), category, path)
        if line is not None:
            logger.info("%s", line)
        self._by_image: dict[int | str, list[Detection]] = {}
        for detection in people:
            if detection.score >= threshold and min(detection.box[2:]) > 0:
                self._by_image.setdefault(detection.image_id, []).append(detection)
        images = [picture for picture in pictures if not is_video(picture)]
        if (
            images
            and len(images) == len(pictures)
            and not any(self.image_id(image) in self._by_image for image in images)
        ):
            raise DataError(f"{path}: no box of score {threshold:g} or more is of any of the {len(images)} images")

    def __call__(self, picture: Picture) -> Boxes:
        """Return the picture's boxes, none where the file has none."""
        number = picture.number if is_video(picture.path) else self.image_id(picture.path)
        found = self._by_image.get(-1 if number is None else number, [])
        places = np.array([detection.box for detection in found], np.float64).reshape(-1, 4)
        return Boxes(places, np.array([detection.score for detection in found], np.float64))

    def labelled_size(self, path: Path) -> tuple[float, float] | None:
        """Return an image's width and height in the annotation file; None where there is none."""
        number = self.image_id(path) if self._are_listed else None
        return None if number is None else self._listed[number].size

    def image_id(self, path: Path) -> int | None:
        """Return an image's id; None where the annotation file, or without one the image's name, gives none."""
        if not self._are_listed:
            return int(path.stem) if path.stem.isdecimal() else None
        parts = path.absolute().parts
        ends = (parts[start:] for start in range(len(parts)))
        return next((self._ids[end] for end in ends if end in self._ids), self._by_name.get(path.name))

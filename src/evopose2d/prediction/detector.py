"""A person detector in ONNX, run by OpenCV: any network with YOLO's output layout, or YOLOX's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.errors import DataError
from evopose2d.prediction.boxes import Boxes
from evopose2d.prediction.sources import Picture

_GREY = (114, 114, 114)  # what YOLO networks are trained to see around a letterboxed picture
_PERSON = 0  # COCO's first class
_BOX = 4


@dataclass(frozen=True)
class Layout:
    """What a detector takes and gives.

    Attributes:
        scale: by which grey levels, 0..255, are multiplied.
        blue_first: whether the colours are blue, green, red.
        centred: whether the picture lies in the middle of the square input, or at its upper left.
        strides: pixels of the cells of its grids, where boxes are told within their cell; empty: in pixels.
    """

    scale: float = 1 / 255
    blue_first: bool = False
    centred: bool = True
    strides: tuple[int, ...] = ()


YOLO = Layout()
YOLOX = Layout(scale=1.0, blue_first=True, centred=False, strides=(8, 16, 32))
"""As Megvii trains and exports it (Ge et al. 2021, arXiv 2107.08430)."""


class YoloDetector:
    """Finds people.

    Two layouts are told apart by their longer axis, that of the candidates: (1, N, 5 + classes) with
    centre x, centre y, width, height, objectness, class scores (YOLOv5 to v7, YOLOX), and (1, 4 + classes, N) without
    objectness (YOLOv8 and later). Coordinates are in pixels of the network's input, or within cells; the first class
    is a person.

    Args:
        path: the ONNX file.
        size: height and width of the network's input in pixels.
        threshold: least score, 0..1, of a person.
        overlap: intersection over union above which two boxes are one person.
        layout: what it takes and gives; None: that of YOLOX where the file's name has this word, else of YOLO.

    Raises:
        DataError: OpenCV cannot read the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int = 640,
        threshold: float = 0.25,
        overlap: float = 0.45,
        layout: Layout | None = None,
    ) -> None:
        self._path, self._size, self._threshold, self._overlap = path, size, threshold, overlap
        self._layout = layout or (YOLOX if "yolox" in path.name.lower() else YOLO)
        if not path.is_file():
            raise DataError(f"{path}: no such detector file")
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise DataError(f"{path}: OpenCV cannot read it as an ONNX network ({_reason(error)})") from None

    def __call__(self, picture: Picture) -> Boxes:
        """Find the people of a picture, as ``find`` does."""
        return self.find(picture.pixels)

    def find(self, pixels: NDArray[np.uint8]) -> Boxes:
        """Find the people of a picture (height, width, 3) uint8 RGB.

        Raises:
            DataError: the network does not take the input's size, or gives something else than its layout.
        """
        height, width = pixels.shape[:2]
        scale = min(self._size / height, self._size / width)
        shape = [max(round(length * scale), 1) for length in (height, width)]
        top, left = [(self._size - length) // 2 if self._layout.centred else 0 for length in shape]
        candidates = self._candidates(_letterboxed(pixels, (shape[0], shape[1]), (top, left), self._size))
        places, scores = _people(candidates)
        places = (places - np.array([left, top, 0, 0])) / scale
        kept = np.asarray(cv2.dnn.NMSBoxes(places.tolist(), scores.tolist(), self._threshold, self._overlap), int)
        inside = _inside(places[kept.ravel()], width, height)
        seen = (inside[:, 2:] > 1).all(axis=1)
        return Boxes(inside[seen], scores[kept.ravel()][seen])

    def _candidates(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Run the network on (size, size, 3) RGB; give (N, 4 + classes), objectness multiplied in."""
        self._network.setInput(cv2.dnn.blobFromImage(pixels, self._layout.scale, swapRB=self._layout.blue_first))
        try:
            output = np.asarray(self._network.forward(), np.float64)
        except cv2.error as error:
            raise DataError(f"{self._path}: does not run on {self._size} x {self._size} ({_reason(error)})") from None
        if output.ndim != 3 or output.shape[0] != 1 or min(output.shape[1:]) <= _BOX:
            raise DataError(
                f"{self._path}: gives an output of shape {output.shape}, must be (1, N, 5 + classes) or "
                "(1, 4 + classes, N)"
            )
        if self._layout.strides:
            output = np.concatenate([self._in_pixels(output[..., :_BOX]), output[..., _BOX:]], axis=2)
        elif output.shape[1] < output.shape[2]:
            return output[0].T
        return np.concatenate([output[0, :, :_BOX], output[0, :, _BOX : _BOX + 1] * output[0, :, _BOX + 1 :]], axis=1)

    def _in_pixels(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take boxes (1, N, 4) of centre within a cell and logarithm of the size in cells to pixels of the input."""
        cells, strides = _grid(self._size, self._layout.strides)
        if boxes.shape[1] != len(cells):
            raise DataError(
                f"{self._path}: gives {boxes.shape[1]} candidates, YOLOX gives {len(cells)} on {self._size} x "
                f"{self._size}; is --detector-size that of the file?"
            )
        return np.concatenate([boxes[..., :2] + cells, np.exp(boxes[..., 2:])], axis=2) * strides


def _grid(size: int, strides: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return column and row (N, 2) of the cells of all grids, row by row, and the strides (N, 1) of their grids."""
    grids = [np.indices((size // stride, size // stride))[::-1].reshape(2, -1).T for stride in strides]
    steps = [np.full((len(grid), 1), float(stride)) for grid, stride in zip(grids, strides, strict=True)]
    return np.concatenate(grids).astype(np.float64), np.concatenate(steps)


def _letterboxed(
    pixels: NDArray[np.uint8], shape: tuple[int, int], corner: tuple[int, int], size: int
) -> NDArray[np.uint8]:
    """Fit a picture into a square of a size, to height and width at top and left, grey around it."""
    (height, width), (top, left) = shape, corner
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(
        resized, top, size - height - top, left, size - width - left, cv2.BORDER_CONSTANT, value=_GREY
    )


def _people(candidates: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of candidates (N, 4 + classes) give the places (P, 4) x, y, width, height and scores of the people."""
    classes = candidates[:, _BOX:]
    people = candidates[classes.argmax(axis=1) == _PERSON] if classes.shape[1] else candidates[:0]
    corners = people[:, :2] - people[:, 2:_BOX] / 2
    return np.concatenate([corners, people[:, 2:_BOX]], axis=1), people[:, _BOX + _PERSON]


def _inside(places: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    low = np.clip(places[:, :2], 0, (width, height))
    high = np.clip(places[:, :2] + places[:, 2:], 0, (width, height))
    return np.concatenate([low, high - low], axis=1)


def _reason(error: cv2.error) -> str:
    return " ".join(str(error).split())[:160]

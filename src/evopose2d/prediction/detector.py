"""A person detector in ONNX, run by OpenCV: any network with YOLO's output layout."""

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


class YoloDetector:
    """Finds people.

    Two layouts are told apart by their longer axis, that of the candidates: (1, N, 5 + classes) with
    centre x, centre y, width, height, objectness, class scores (YOLOv5 to v7), and (1, 4 + classes, N) without
    objectness (YOLOv8 and later). Coordinates are in pixels of the network's input; the first class is a person.

    Args:
        path: the ONNX file.
        size: height and width of the network's input in pixels.
        threshold: least score, 0..1, of a person.
        overlap: intersection over union above which two boxes are one person.

    Raises:
        DataError: OpenCV cannot read the file.
    """

    def __init__(self, path: Path, *, size: int = 640, threshold: float = 0.25, overlap: float = 0.45) -> None:
        self._path, self._size, self._threshold, self._overlap = path, size, threshold, overlap
        if not path.is_file():
            raise DataError(f"{path}: no such detector file")
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise DataError(f"{path}: OpenCV cannot read it as an ONNX network ({_reason(error)})") from None

    def __call__(self, picture: Picture) -> Boxes:
        """Find the people of a picture.

        Raises:
            DataError: the network does not take the input's size, or gives something else than YOLO's layout.
        """
        height, width = picture.pixels.shape[:2]
        scale = min(self._size / height, self._size / width)
        candidates = self._candidates(_letterboxed(picture.pixels, scale, self._size))
        places, scores = _people(candidates)
        left, top = ((self._size - round(length * scale)) // 2 for length in (width, height))
        places = (places - np.array([left, top, 0, 0])) / scale
        kept = np.asarray(cv2.dnn.NMSBoxes(places.tolist(), scores.tolist(), self._threshold, self._overlap), int)
        inside = _inside(places[kept.ravel()], width, height)
        seen = (inside[:, 2:] > 1).all(axis=1)
        return Boxes(inside[seen], scores[kept.ravel()][seen])

    def _candidates(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Run the network on (size, size, 3) RGB; give (N, 4 + classes), objectness multiplied in."""
        self._network.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255))
        try:
            output = np.asarray(self._network.forward(), np.float64)
        except cv2.error as error:
            raise DataError(f"{self._path}: does not run on {self._size} x {self._size} ({_reason(error)})") from None
        if output.ndim != 3 or output.shape[0] != 1 or min(output.shape[1:]) <= _BOX:
            raise DataError(
                f"{self._path}: gives an output of shape {output.shape}, must be (1, N, 5 + classes) or "
                "(1, 4 + classes, N)"
            )
        if output.shape[1] < output.shape[2]:
            return output[0].T
        return np.concatenate([output[0, :, :_BOX], output[0, :, _BOX : _BOX + 1] * output[0, :, _BOX + 1 :]], axis=1)


def _letterboxed(pixels: NDArray[np.uint8], scale: float, size: int) -> NDArray[np.uint8]:
    """Fit a picture into a square, its aspect ratio kept, grey around it."""
    height, width = (max(round(length * scale), 1) for length in pixels.shape[:2])
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    top, left = (size - height) // 2, (size - width) // 2
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

"""People of a camera or a stream, shown as they come."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from evopose2d.errors import DataError
from evopose2d.prediction.boxes import BoxSource
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.prediction.output import drawn
from evopose2d.prediction.sources import Picture
from evopose2d.prediction.stream import predict_pictures
from evopose2d.prediction.window import Show


@dataclass(frozen=True)
class Watched:
    """What was shown.

    Attributes:
        frames: that were shown; others passed by meanwhile.
        people: in them.
        seconds: from the first frame to the last.
    """

    frames: int
    people: int
    seconds: float


def watch(
    estimator: PoseEstimator, pictures: Iterator[Picture], boxes_of: BoxSource, show: Show, threshold: float
) -> Watched:
    """Predict and show pictures one by one, until they end or ``show`` says so.

    Args:
        estimator: the network.
        pictures: each the newest at the time at which it is asked for.
        boxes_of: gives the boxes of a picture.
        show: shows the picture with skeletons.
        threshold: keypoints with a score below it are not drawn.
    """
    frames = people = 0
    start = end = time.perf_counter()
    for picture in pictures:
        start = start if frames else time.perf_counter()
        (posed,) = predict_pictures(estimator, [picture], boxes_of)
        frames += 1
        people += len(posed.poses.scores)
        end = time.perf_counter()
        if not show(drawn(posed, estimator.keypoints, threshold)):
            break
    return Watched(frames, people, end - start)


@contextmanager
def newest_frames(address: str) -> Iterator[Iterator[Picture]]:
    """Open a camera or a stream, whose frames are read all the time so that none is old when it is asked for.

    Args:
        address: number of a camera, or address of a stream such as ``rtsp://...``; the name of a video file is one.

    Yields:
        The newest frame at each time, each once, numbered from 0 by all that came.

    Raises:
        DataError: it cannot be opened.
    """
    name = re.sub(r"//[^/@]*@", "//", address)  # without user and password
    capture = cv2.VideoCapture(int(address) if address.isdecimal() else address)
    if not capture.isOpened():
        kind = "camera" if address.isdecimal() else "stream"
        raise DataError(f"--webcam: got {name}: this {kind} cannot be opened")
    reader = _Reader(capture, Path(name))
    thread = threading.Thread(target=reader.run, daemon=True, name="evopose2d-camera")
    thread.start()
    try:
        yield reader.pictures()
    finally:
        reader.stop()
        thread.join()
        capture.release()


class _Reader:
    """Reads frames in a thread and keeps the newest."""

    def __init__(self, capture: cv2.VideoCapture, path: Path) -> None:
        self._capture, self._path = capture, path
        self._changed = threading.Condition()
        self._newest: Picture | None = None
        self._ended = False

    def run(self) -> None:
        number = 0
        while not self._ended:
            there, frame = self._capture.read()
            with self._changed:
                self._ended |= not there
                if there:
                    self._newest = Picture(self._path, number, np.ascontiguousarray(frame[..., ::-1]))
                self._changed.notify()
            number += 1

    def pictures(self) -> Iterator[Picture]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ended)
                picture, self._newest = self._newest, None
            if picture is None:
                return
            yield picture

    def stop(self) -> None:
        with self._changed:
            self._ended = True

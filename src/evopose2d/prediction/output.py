"""What ``evopose2d predict`` leaves behind: pictures and videos with skeletons, and keypoints as JSON."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.results import coco_results
from evopose2d.files import replacing
from evopose2d.keypoints import KeypointSchema
from evopose2d.prediction.sources import VideoInfo, is_video
from evopose2d.prediction.stream import PosedPicture
from evopose2d.visualization.poses import draw_prediction

_KEPT_FORMATS = frozenset((".jpg", ".jpeg", ".png", ".webp"))
_VIDEO_FORMAT = ".mp4"
_CODEC = "mp4v"
_TIME_DECIMALS = 4


def drawn(posed: PosedPicture, schema: KeypointSchema, threshold: float) -> NDArray[np.uint8]:
    """Draw the people on a copy of their picture (height, width, 3), the surest last.

    Args:
        posed: the picture with its people.
        schema: the keypoints' meaning.
        threshold: keypoints with a score below it are left out.
    """
    image = posed.picture.pixels
    for person in np.argsort(posed.poses.scores, kind="stable"):
        image = draw_prediction(image, posed.poses.keypoints[person], schema, threshold=threshold)
    return image


def results_of(posed: PosedPicture, image_id: int, category_id: int) -> list[dict[str, Any]]:
    """Return the people in COCO's results format, with the file and the box besides.

    Two files may have one name: the path, as it was given, tells them apart.

    Args:
        posed: the picture with its people.
        image_id: id of the picture.
        category_id: of the people in the dataset that the network learned.
    """
    people = len(posed.poses.scores)
    entries = coco_results(np.full(people, image_id), posed.poses.keypoints, posed.poses.scores, category_id)
    more: dict[str, Any] = {"file_name": posed.picture.path.name, "path": str(posed.picture.path)}
    if is_video(posed.picture.path):
        more |= {"frame": posed.picture.number, "time": round(posed.picture.time, _TIME_DECIMALS)}
    boxes = posed.boxes.places.round(2).tolist()
    return [entry | {"bbox": box} | more for entry, box in zip(entries, boxes, strict=True)]


def output_files(inputs: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Give each input a file for its drawn picture or video, two of one name different ones.

    Args:
        inputs: images and videos, each once.
        folder: of what is written.

    Raises:
        ConfigError: one of them would take the place of an input.
    """
    sources = {path.resolve() for path in inputs}
    given: dict[Path, Path] = {}
    taken: set[Path] = set()
    for path in inputs:
        suffix = _VIDEO_FORMAT if is_video(path) else path.suffix.lower()
        suffix = suffix if is_video(path) or suffix in _KEPT_FORMATS else ".png"
        target, copy = folder / f"{path.stem}{suffix}", 1
        while target in taken:
            copy += 1
            target = folder / f"{path.stem}-{copy}{suffix}"
        if target.resolve() in sources:
            raise ConfigError(f"--output: got {folder}, where {target.name} is an input and would be replaced")
        taken.add(target)
        given[path] = target
    return given


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (height, width, 3) uint8 RGB in the format of the path's suffix, whole or not at all."""
    written, encoded = cv2.imencode(path.suffix, image[..., ::-1])
    if not written:
        raise DataError(f"{path}: cannot be written as a picture")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


class PacedFrames:
    """Makes frames at a constant rate of frames that have times of their own, so that a video keeps its length.

    A frame is repeated until the next one's time; of frames within one tick the last is kept.

    Args:
        write: takes a frame at each tick.
        rate: ticks a second.
    """

    def __init__(self, write: Callable[[NDArray[np.uint8]], None], rate: float) -> None:
        self._write, self._rate = write, rate
        self._start = 0.0
        self._ticks = 0
        self._held: NDArray[np.uint8] | None = None

    def add(self, frame: NDArray[np.uint8], time: float) -> None:
        """Take the next frame, shown from ``time`` in seconds on."""
        if self._held is None:
            self._start = time
        else:
            self._repeat(round((time - self._start) * self._rate) - self._ticks)
        self._held = frame

    def finish(self) -> None:
        """Write the last frame, for one tick."""
        if self._held is not None:
            self._repeat(1)

    def _repeat(self, ticks: int) -> None:
        for _ in range(ticks):
            assert self._held is not None
            self._write(self._held)
        self._ticks += max(ticks, 0)


@contextlib.contextmanager
def video_writer(path: Path, info: VideoInfo) -> Iterator[Callable[[NDArray[np.uint8], float], None]]:
    """Write a video frame by frame; the file appears when it is whole.

    Args:
        path: the file.
        info: frames a second.

    Yields:
        A function that takes the next frame, (height, width, 3) uint8 RGB, all of one size, and its time in seconds.

    Raises:
        DataError: this OpenCV cannot write MPEG-4.
    """
    with replacing(path) as temporary, contextlib.ExitStack() as cleanup:
        writers: list[cv2.VideoWriter] = []

        def write(frame: NDArray[np.uint8]) -> None:
            if not writers:
                size = (frame.shape[1], frame.shape[0])
                writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*_CODEC), info.rate, size)
                cleanup.callback(writer.release)
                writers.append(writer)
                if not writer.isOpened():
                    raise DataError(f"{path}: this OpenCV cannot write MPEG-4 videos")
            writers[0].write(np.ascontiguousarray(frame[..., ::-1]))

        frames = PacedFrames(write, info.rate)
        yield frames.add
        frames.finish()

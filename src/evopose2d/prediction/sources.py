"""What pictures a user names: images, folders, globs and videos, read one after the other."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.data.download.layout import VIDEOS
from evopose2d.data.image_files import Size, read_pixels
from evopose2d.errors import DataError

_IMAGES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"))
_READ_AHEAD = 4  # images that are decoded while the network is busy

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """An image or a frame of a video.

    Attributes:
        path: the image or video file.
        number: of an image its position among all images, from 1; of a frame its position in the video, from 0.
        pixels: (height, width, 3) uint8 RGB.
        time: of a frame, when it is shown, in seconds; 0 for an image.
    """

    path: Path
    number: int
    pixels: NDArray[np.uint8]
    time: float = 0.0


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        frames: number of frames, 0 where the file does not say; a guess in some formats.
        rate: frames a second.
    """

    frames: int
    rate: float


def find_files(inputs: Sequence[str]) -> list[Path]:
    """Find the image and video files that a user names, each once, folders and globs in the order of names.

    Args:
        inputs: files, folders (their images and videos, not those of folders inside) and glob patterns.

    Raises:
        DataError: one of them names nothing that can be read.
    """
    found: dict[Path, None] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if _is_readable(file))
        elif path.exists():
            files = [path]
        else:
            pattern = Path(path.anchor or ".")
            files = sorted(file for file in pattern.glob(str(path.relative_to(path.anchor))) if _is_readable(file))
        if not files:
            kinds = " ".join(sorted(_IMAGES | VIDEOS))
            raise DataError(
                f"{given}: {path.absolute()} is no file, and no folder or pattern with images and videos ({kinds})"
            )
        found |= dict.fromkeys(files)
    return list(found)


def is_video(path: Path) -> bool:
    """Tell a video from an image by its suffix."""
    return path.suffix.lower() in VIDEOS


def read_images(
    paths: Sequence[Path], bad: list[DataError], *, labelled_size: Callable[[Path], Size | None] | None = None
) -> Iterator[Picture]:
    """Read images in order, a few ahead.

    Args:
        paths: image files.
        bad: what could not be read is added here, and skipped.
        labelled_size: gives the size that the boxes' annotation file gives an image, which tells whether boxes are of
            the upright picture; of an image without one they are of the pixels as stored, as COCO's are. None: boxes
            are of upright pictures.
    """

    def read(path: Path) -> NDArray[np.uint8]:
        size = None if labelled_size is None else labelled_size(path)
        return read_pixels(path, upright=labelled_size is None, labelled_size=size)

    with ThreadPoolExecutor(_READ_AHEAD) as readers:
        waiting = iter(paths)
        ahead: list[Future[NDArray[np.uint8]]] = [
            readers.submit(read, path) for path in itertools.islice(waiting, _READ_AHEAD)
        ]
        for number, path in enumerate(paths, start=1):
            future = ahead.pop(0)
            ahead.extend(readers.submit(read, later) for later in itertools.islice(waiting, 1))
            try:
                yield Picture(path, number, future.result())
            except DataError as error:
                logger.error("%s; skipped", error)
                bad.append(error)


def video_info(path: Path) -> VideoInfo:
    """Read what a video says of itself.

    Raises:
        DataError: it cannot be read as a video.
    """
    capture = _opened(path)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return VideoInfo(frames=max(frames, 0), rate=rate if rate > 0 else 25.0)
    finally:
        capture.release()


def read_video(path: Path) -> Iterator[Picture]:
    """Read a video frame by frame, each with its own time: phones record at a rate that varies.

    Raises:
        DataError: it cannot be read as a video.
    """
    step = 1 / video_info(path).rate
    capture = _opened(path)
    time = -step
    try:
        for number in itertools.count():
            there, frame = capture.read()
            if not there:
                return
            told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Some formats hold no times, or all the same.
            time = told if told > time else time + step
            yield Picture(path, number, np.ascontiguousarray(frame[..., ::-1]), time)
    finally:
        capture.release()


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened() or not capture.grab():
        capture.release()
        raise DataError(f"{path}: cannot be read as a video")
    # The first frame was only tried.
    capture.release()
    return cv2.VideoCapture(str(path))


def _is_readable(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _IMAGES | VIDEOS

"""What pictures a user names: images, folders, globs and videos, read one after the other."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from evopose2d.errors import DataError

_IMAGES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"))
_VIDEOS = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"))
_READ_AHEAD = 4  # images that are decoded while the network is busy

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """An image or a frame of a video.

    Attributes:
        path: the image or video file.
        number: of an image its position among all images, from 1; of a frame its position in the video, from 0.
        pixels: (height, width, 3) uint8 RGB.
    """

    path: Path
    number: int
    pixels: NDArray[np.uint8]


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
            kinds = " ".join(sorted(_IMAGES | _VIDEOS))
            raise DataError(f"{given}: no such file, or a folder or pattern without images and videos ({kinds})")
        found |= dict.fromkeys(files)
    return list(found)


def is_video(path: Path) -> bool:
    """Tell a video from an image by its suffix."""
    return path.suffix.lower() in _VIDEOS


def read_image(source: Path | BinaryIO, *, upright: bool = True) -> NDArray[np.uint8]:
    """Read an image.

    Args:
        source: a file, or an image file's content.
        upright: turn it by what its camera noted; COCO's boxes are of images as they are stored.

    Returns:
        (height, width, 3) uint8 RGB; transparency is dropped.

    Raises:
        DataError: it is missing, no image, or breaks off.
    """
    try:
        with Pillow.open(source) as image:
            turned = ImageOps.exif_transpose(image) if upright else image
            return np.asarray(_eight_bits(turned).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        # Pillow raises SyntaxError for damaged PNG files.
        name = source if isinstance(source, Path) else "image"
        raise DataError(f"{name}: cannot be read as an image ({' '.join(str(error).split())})") from None


def read_images(paths: Sequence[Path], bad: list[DataError], *, upright: bool = True) -> Iterator[Picture]:
    """Read images in order, a few ahead.

    Args:
        paths: image files.
        bad: what could not be read is added here, and skipped.
        upright: as for ``read_image``.
    """
    read = partial(read_image, upright=upright)
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
    """Read a video frame by frame.

    Raises:
        DataError: it cannot be read as a video.
    """
    capture = _opened(path)
    try:
        for number in itertools.count():
            there, frame = capture.read()
            if not there:
                return
            yield Picture(path, number, np.ascontiguousarray(frame[..., ::-1]))
    finally:
        capture.release()


def _eight_bits(image: Pillow.Image) -> Pillow.Image:
    """Take a grey image of 16 bits to 8, which Pillow would cut off at 255.

    Raises:
        ValueError: its numbers have no range that is known.
    """
    if image.mode.startswith("I;16"):
        return Pillow.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("its pixels are numbers of 32 bits")
    return image


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened() or not capture.grab():
        capture.release()
        raise DataError(f"{path}: cannot be read as a video")
    # The first frame was only tried.
    capture.release()
    return cv2.VideoCapture(str(path))


def _is_readable(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _IMAGES | _VIDEOS

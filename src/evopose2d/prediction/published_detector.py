"""``--detector auto``: the one ONNX file in a folder of the user's, or a published detector that is fetched there."""

import logging
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from evopose2d.data.download.fetch import Retry, fetch_file
from evopose2d.errors import ConfigError, DownloadError
from evopose2d.prediction.detector import YoloDetector

AUTO = "auto"
"""What names the detector of the folder in place of a file."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishedDetector:
    """A detector on a public server.

    Attributes:
        name: of the file.
        address: where it is fetched from.
        size: in bytes.
        sha256: in hexadecimal digits.
        licence: under which it is published.
    """

    name: str
    address: str
    size: int
    sha256: str
    licence: str


YOLOX_S = PublishedDetector(
    name="yolox_s.onnx",
    address="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_s.onnx",
    size=35_858_002,
    sha256="c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
    licence="Apache-2.0",
)
"""YOLOX-S by Megvii, trained on COCO train2017."""


def detectors_folder() -> Path:
    """Return the folder in which ``auto`` looks: ``~/.cache/evopose2d/detectors`` on Linux."""
    return platformdirs.user_cache_path("evopose2d") / "detectors"


def open_detector(
    given: str | Path,
    *,
    size: int = 640,
    threshold: float = 0.25,
    folder: Path | None = None,
    published: PublishedDetector = YOLOX_S,
    retry: Retry = Retry(attempts=3),  # noqa: B008 - frozen
) -> YoloDetector:
    """Open the detector of a file, or with ``auto`` the only ONNX file in a folder.

    Where the folder has none, the published one is fetched; it is compared with its SHA-256 each time.

    Args:
        given: ONNX file or ``auto``.
        size: height and width of the network's input in pixels.
        threshold: least score, 0..1, of a person.
        folder: in which ``auto`` looks; None: ``detectors_folder()``.
        published: what is fetched.
        retry: how often a broken transfer is tried again.

    Raises:
        ConfigError: the folder has several files besides the published one.
        DataError: OpenCV cannot read the file.
        DownloadError: it cannot be fetched; the message says what to put where.
    """
    if str(given) != AUTO:
        return YoloDetector(Path(given), size=size, threshold=threshold)
    folder = detectors_folder() if folder is None else folder
    own = sorted(path for path in folder.glob("*.onnx") if path.name != published.name)
    if len(own) > 1:
        names = ", ".join(path.name for path in own)
        raise ConfigError(f"--detector: got auto, but {folder} holds several ONNX files ({names}); name one of them")
    path = own[0] if own else folder / published.name
    if not own:
        _fetch(path, published, retry)
    _LOGGER.info("detector: %s", path)
    return YoloDetector(path, size=size, threshold=threshold)


def _fetch(path: Path, published: PublishedDetector, retry: Retry) -> None:
    if not path.exists():
        _LOGGER.info("fetching %s (%s, %.0f MB)", published.address, published.licence, published.size / 1e6)
    try:
        fetch_file(published.address, path, size=published.size, sha256=published.sha256, retry=retry)
    except DownloadError as error:
        raise DownloadError(
            f"{error}; put this file, or the ONNX file of another YOLO detector, into {path.parent}, or name one with "
            "--detector FILE"
        ) from None
    except OSError as error:
        raise DownloadError(
            f"{path}: cannot be written ({error.strerror or error}); --detector FILE names another"
        ) from None

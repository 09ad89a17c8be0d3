"""Person detections: boxes with scores that some detector found."""

import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

from evopose2d.data.download.annotations import is_numbers, read_images, read_json
from evopose2d.data.download.fetch import Retry, fetch_bytes
from evopose2d.data.download.layout import VAL
from evopose2d.data.download.plan import Step
from evopose2d.errors import DataError
from evopose2d.files import file_sha256, write_json

_LOGGER = logging.getLogger(__name__)


def detections_content(given: str | None) -> str | None:
    """Return what tells these detections from others: the address, or the digest of the file.

    Args:
        given: ``download.detections``, an http or https address or a path.

    Raises:
        DataError: there is no such file.
    """
    if given is None or _is_address(given):
        return given
    if not Path(given).is_file():
        raise DataError(f"download.detections: got {given!r}, which is neither a file nor an http(s) address")
    return file_sha256(Path(given))


def detections_step(root: Path, given: str, retry: Retry) -> Step:
    """Return the step that places ``download.detections``, for a dataset whose identity they are part of."""
    return Step("detections", None, lambda: place_detections(root, given, retry), (VAL.detections,))


def place_detections(root: Path, given: str | None, retry: Retry) -> None:
    """Write detections of the val split's images to their place below ``root``, or remove those there.

    Args:
        root: the dataset's folder, with val's annotations in it.
        given: ``download.detections``; None removes.
        retry: how often a broken transfer is tried again.

    Raises:
        DataError: they are no detections, or none is of a val image.
        DownloadError: they could not be fetched.
    """
    target = root / VAL.detections
    if given is None:
        target.unlink(missing_ok=True)
        return
    detections = _fetch_json(given, retry) if _is_address(given) else read_json(Path(given))
    known = {image["id"] for image in read_images(root / VAL.annotations)["images"]}
    write_json(target, checked_detections(detections, given, known), indent=None)


def checked_detections(detections: Any, origin: object, images: Collection[int]) -> list[Any]:  # noqa: ANN401
    """Check detections and return those of ``images``.

    Args:
        detections: a JSON value.
        origin: where they come from, for messages.
        images: ids of the images of the split.

    Raises:
        DataError: they are no list of objects with whole ``image_id`` and ``category_id``, four numbers
            ``bbox`` and a number ``score``, or none is of these images.
    """
    if not isinstance(detections, list):
        raise DataError(f"{origin}: got a JSON {type(detections).__name__}, must be a list of detections")
    for index, detection in enumerate(detections):
        if not isinstance(detection, dict) or not _is_detection(detection):
            raise DataError(f"{origin}: detection {index}: must hold image_id, category_id, bbox (4 numbers) and score")
    chosen = [detection for detection in detections if detection["image_id"] in images]
    if not chosen:
        raise DataError(f"{origin}: none of the {len(detections)} detections is of an image of the split")
    if len(chosen) < len(detections):
        _LOGGER.info("%s: left out %d detections of other images", origin, len(detections) - len(chosen))
    return chosen


def _is_detection(detection: dict[str, Any]) -> bool:
    whole = isinstance(detection.get("image_id"), int) and isinstance(detection.get("category_id"), int)
    return whole and is_numbers(detection.get("bbox"), 4) and is_numbers([detection.get("score")], 1)


def _fetch_json(url: str, retry: Retry) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(fetch_bytes(url, retry))
    except ValueError as error:
        raise DataError(f"{url}: no JSON file ({error})") from error


def _is_address(given: str) -> bool:
    return given.startswith(("http://", "https://"))

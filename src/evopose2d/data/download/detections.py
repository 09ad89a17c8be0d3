"""Person detections: boxes with scores that some detector found."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evopose2d.data.coco import parse_detections, read_coco, read_json
from evopose2d.data.coco.detections import of_category
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
    path = Path(given)
    if not path.is_file():
        raise DataError(
            f"download.detections: got {given!r}, which is no http(s) address, and {path.absolute()} is no file"
        )
    return file_sha256(path)


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
    val = read_coco(root / VAL.annotations)
    entries, lines = taken_detections(detections, given, val.image_ids, int(val.category["id"]))
    for line in lines:
        _LOGGER.info("%s", line)
    write_json(target, entries, indent=None)


def taken_detections(
    content: Any,  # noqa: ANN401 - any JSON value
    origin: Path | str,
    images: Mapping[int | str, int],
    category_id: int,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return those detections that are of people in ``images``, with the dataset's ids.

    Args:
        content: JSON value of a detection file.
        origin: where it comes from, for messages.
        images: ids of the split's images for what its files call them.
        category_id: of the dataset's people.

    Returns:
        Entries of a detection file, and lines that say what was decided and left out.

    Raises:
        DataError: the content is no list of detections, or none is of people or of these images.
    """
    people, line = of_category(parse_detections(content, origin), category_id, origin)
    chosen = [
        {
            "image_id": images[detection.image_id],
            "category_id": category_id,
            "bbox": list(detection.box),
            "score": detection.score,
        }
        for detection in people
        if detection.image_id in images
    ]
    if not chosen:
        raise DataError(f"{origin}: none of the {len(people)} detections is of an image of the split")
    lines = [] if line is None else [line]
    if len(chosen) < len(people):
        lines.append(f"{origin}: left out {len(people) - len(chosen)} detections of other images")
    return chosen, lines


def _fetch_json(url: str, retry: Retry) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(fetch_bytes(url, retry))
    except ValueError as error:
        raise DataError(f"{url}: no JSON file ({error})") from error


def _is_address(given: str) -> bool:
    return given.startswith(("http://", "https://"))

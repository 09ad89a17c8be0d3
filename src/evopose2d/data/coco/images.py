"""The images that a COCO file lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.values import LARGEST_ID, entries, identity, is_text, number, read_json, shown
from evopose2d.errors import DataError

FindSize = Callable[[str], tuple[int, int] | None]
"""Gives the width and height in pixels of an image by its ``file_name``; None where there is no such image."""


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """File name and size in pixels of an image that an annotation file lists.

    Attributes:
        file_name: image file, relative to its split's folder.
        width: in pixels.
        height: in pixels.
        index: position of the entry in the file.
    """

    file_name: str
    width: float
    height: float
    index: int = 0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True)
class Images:
    """The images of a file.

    Attributes:
        by_id: by id, a whole number of 64 bits.
        ids: the id for what the file itself calls the image, a number or a text.
    """

    by_id: Mapping[int, ImageEntry]
    ids: Mapping[int | str, int]


def read_images(path: Path) -> Images:
    """Read the images of a COCO file, and nothing else of it.

    Raises:
        DataError: the file cannot be read, or its list of images has mistakes; all are told in one line.
    """
    findings = Findings(path)
    images = parse_images(coco_object(read_json(path), path), findings)
    findings.raise_mistakes()
    return images


def coco_object(content: Any, path: Path) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Return a file's content if it can be that of a COCO file.

    Raises:
        DataError: it is no JSON object with a list ``images``.
    """
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise DataError(f"{path}: no COCO annotation file, it must be a JSON object with a list 'images'")
    return content


def parse_images(content: Mapping[str, Any], findings: Findings, find_size: FindSize | None = None) -> Images:
    """Return the images of a file; mistakes go to ``findings``.

    Ids that are texts, negative or too large for 64 bits are renumbered.

    Args:
        content: of a COCO file.
        findings: of the file.
        find_size: gives the sizes that the file lacks; None: a missing size is a mistake.
    """
    found: dict[int | str, ImageEntry] = {}
    for index, entry in enumerate(entries(content, "images") or ()):
        image = _image(entry, index, findings, find_size)
        if image is None:
            continue
        key = identity(entry.get("id"))
        if key is None:
            findings.mistake(
                "image id", f"image {index}: id must be a whole number or a name, got {shown(entry.get('id'))}"
            )
        elif key in found:
            _judge_repeated(found[key], image, key, findings)
        else:
            found[key] = image
    ids = _numbered(found, findings)
    return Images({ids[key]: image for key, image in found.items()}, ids)


def _image(entry: Any, index: int, findings: Findings, find_size: FindSize | None) -> ImageEntry | None:  # noqa: ANN401
    if not isinstance(entry, Mapping):
        findings.mistake("image entry", f"image number {index}: must be an object, got {shown(entry)}")
        return None
    name = entry.get("file_name")
    place = f"image {shown(entry['id']) if 'id' in entry else f'number {index}'}"
    if not is_text(name):
        findings.mistake("file_name", f"{place}: file_name must name a file, got {shown(name)}")
        return None
    given = [number(entry.get(key)) for key in ("width", "height")]
    width, height = (value if value is not None and 1 <= value < LARGEST_ID else None for value in given)
    if width is None or height is None:
        size = None if find_size is None else find_size(name)
        if size is None:
            received = [entry.get("width"), entry.get("height")]
            findings.mistake("image size", f"{place}: width and height must be pixels, got {shown(received)}")
            return None
        findings.repair("size of an image taken from its file", place)
        width, height = (float(value) for value in size)
    return ImageEntry(name, width, height, index)


def _judge_repeated(first: ImageEntry, image: ImageEntry, key: int | str, findings: Findings) -> None:
    if (first.file_name, first.size) == (image.file_name, image.size):
        findings.repair("images listed twice are taken once", f"image {key}")
    else:
        findings.mistake(
            "repeated image id",
            f"images: id {shown(key)} stands there twice, of {shown(first.file_name)} and of {shown(image.file_name)}; "
            "ids must be distinct",
        )


def _numbered(found: Mapping[int | str, ImageEntry], findings: Findings) -> dict[int | str, int]:
    ids: dict[int | str, int] = {key: key for key in found if isinstance(key, int) and 0 <= key <= LARGEST_ID}
    result = dict(ids)
    following = 1
    for key in found:
        if key in ids:
            continue
        while following in ids:
            following += 1
        result[key] = following
        following += 1
        findings.repair("image ids that are no whole numbers of 64 bits are renumbered", f"image {shown(key)}")
    return result

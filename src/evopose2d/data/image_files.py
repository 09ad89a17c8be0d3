"""Image files as cameras and tools write them: any format, and turned by a tag that only some programs obey.

Records hold JPEG or PNG whose pixels are as the labels see them. Labelling tools show photographs upright, as browsers
do, so labels are of the upright picture, unless the annotation file's size is that of the pixels as they are stored.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from evopose2d.errors import DataError

_ORIENTATION = 0x0112  # EXIF
_UPRIGHT = 1
_EXCHANGES_SIDES = (5, 6, 7, 8)
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_TAGS = (b"Exif", b"eXIf", b"tiff:Orientation")
_QUALITY = 95  # of what has to be encoded again
_LOSSY = ("JPEG", "WEBP", "MPO")

Size = tuple[float, float]


def read_pixels(
    source: Path | BinaryIO, *, upright: bool = True, labelled_size: Size | None = None
) -> NDArray[np.uint8]:
    """Read an image of any format; of an animated one the first picture.

    Args:
        source: a file, or an image file's content.
        upright: turn it by what its camera noted.
        labelled_size: width and height that an annotation file gives it, which decides in the place of ``upright``.

    Returns:
        (height, width, 3) uint8 RGB; transparency is dropped.

    Raises:
        DataError: it is missing, no image, or breaks off.
    """
    try:
        with Pillow.open(source) as image:
            if labelled_size is not None:
                upright = _is_turned_for(image, labelled_size)
            turned = ImageOps.exif_transpose(image) if upright else image
            return np.asarray(_eight_bits(turned).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        # Pillow raises SyntaxError for damaged PNG files.
        name = source if isinstance(source, Path) else "image"
        raise DataError(f"{name}: cannot be read as an image ({' '.join(str(error).split())})") from None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image file says of itself.

    Attributes:
        stored: width and height in pixels as they are stored.
        upright: the same once the picture is upright.
        turned: whether a tag says that its pixels are not upright.
        bytes: size of the file.
    """

    stored: tuple[int, int]
    upright: tuple[int, int]
    turned: bool
    bytes: int


def read_facts(path: Path) -> ImageFacts | None:
    """Return what an image file says of itself, without its pixels; None where it is no image."""
    try:
        with Pillow.open(path) as image:
            width, height = image.size
            orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
            upright = (height, width) if orientation in _EXCHANGES_SIDES else (width, height)
            return ImageFacts((width, height), upright, orientation in range(2, 9), path.stat().st_size)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None


def read_size(path: Path) -> tuple[int, int] | None:
    """Return the width and height of an image file as it is looked at, upright; None where it is no image."""
    facts = read_facts(path)
    return None if facts is None else facts.upright


def has_orientation(encoded: bytes) -> bool:
    """Return whether an image file says that its pixels are not upright."""
    if not any(tag in encoded for tag in _TAGS):
        return False
    with Pillow.open(io.BytesIO(encoded)) as image:
        return image.getexif().get(_ORIENTATION, _UPRIGHT) in range(2, 9)


def is_recordable(encoded: bytes) -> bool:
    """Return whether records take an image file as it is: a JPEG or PNG."""
    return encoded.startswith((_JPEG, _PNG))


def for_records(encoded: bytes, labelled_size: Size | None, *, as_stored: bool) -> bytes:
    """Return an image file as records hold it: JPEG or PNG, its pixels turned as its labels see them.

    What is both already is returned as it is; other photographs are encoded as JPEG of quality 95, pictures of formats
    without loss as PNG.

    Args:
        encoded: an image file's content.
        labelled_size: width and height in the annotation file; None: not known.
        as_stored: take no notice of how the camera was held, as all do with COCO's own images.

    Raises:
        DataError: it cannot be read as an image.
    """
    turned = not as_stored and has_orientation(encoded)
    if is_recordable(encoded) and not turned:
        return encoded
    with Pillow.open(io.BytesIO(encoded)) as image:
        lossy = image.format in _LOSSY
        if turned and labelled_size is not None:
            turned = _is_turned_for(image, labelled_size)
    if is_recordable(encoded) and not turned:
        return encoded
    pixels = read_pixels(io.BytesIO(encoded), upright=turned)
    written = io.BytesIO()
    options = {"format": "JPEG", "quality": _QUALITY, "subsampling": 0} if lossy else {"format": "PNG"}
    Pillow.fromarray(pixels).save(written, **options)
    return written.getvalue()


def _is_turned_for(image: Pillow.Image, labelled_size: Size) -> bool:
    """Return whether labels are of the upright picture: always, unless its size is that of the pixels as stored."""
    exchanged = image.getexif().get(_ORIENTATION, _UPRIGHT) in _EXCHANGES_SIDES
    width, height = image.size
    return not (exchanged and width != height and labelled_size == (width, height))


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

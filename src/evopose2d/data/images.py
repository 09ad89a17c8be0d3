"""Encoded images to pixels, as TensorFlow's decoders give them, without TensorFlow."""

import contextlib
import io

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from evopose2d.errors import DataError

_INKS = ("CMYK", "YCCK")


def is_jpeg(encoded: bytes) -> bool:
    """Return whether an encoded image is a JPEG."""
    return encoded[:3] == b"\xff\xd8\xff"


def decode(encoded: bytes) -> NDArray[np.uint8]:
    """Decode a whole image, JPEG or PNG: (any height, any width, 3) uint8 RGB.

    Raises:
        DataError: it is corrupt, cut short or neither.
    """
    return ImageDecoder(fast_dct=True).rgba(encoded)[..., :3].copy()


def decoded_size(encoded: bytes) -> tuple[int, int]:
    """Return height and width of an image that ``decode`` can decode, without all of its work.

    Raises:
        DataError: it cannot.
    """
    if is_jpeg(encoded):
        with contextlib.suppress(ValueError):
            height, width, colours, _ = simplejpeg.decode_jpeg_header(encoded)
            if colours not in _INKS:
                simplejpeg.decode_jpeg(encoded, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8)
                return height, width
    height, width, _ = ImageDecoder(fast_dct=True).rgba(encoded).shape
    return height, width


class ImageDecoder:
    """Decodes images one after the other into the same memory.

    Args:
        fast_dct: decode JPEGs by the fast integer transform, as the images were that the published networks were
            trained on: another transform costs these AP.
    """

    def __init__(self, *, fast_dct: bool) -> None:
        self._fast_dct = fast_dct
        self._buffer = np.empty(0, np.uint8)

    def rgba(self, encoded: bytes) -> NDArray[np.uint8]:
        """Decode an image to (any height, any width, 4) uint8, which the next call may overwrite.

        Four channels, because OpenCV warps them with vector instructions; the fourth says nothing.

        Raises:
            DataError: the image is corrupt, cut short or of another format.
        """
        try:
            return self._jpeg(encoded) if is_jpeg(encoded) else _other(encoded)
        except (OSError, ValueError, cv2.error) as error:
            raise DataError(f"an image is corrupt, cut short or of an unknown format ({error})") from error

    def _jpeg(self, encoded: bytes) -> NDArray[np.uint8]:
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(encoded)
        except ValueError:
            return _unusual(encoded)
        if colours in _INKS:
            return _unusual(encoded)
        if self._buffer.size < height * width * 4:
            self._buffer = np.empty(height * width * 4, np.uint8)
        try:
            return simplejpeg.decode_jpeg(encoded, "RGBA", fastdct=self._fast_dct, buffer=self._buffer)
        except ValueError:  # such as bytes between the image and its end, which other decoders pass over
            return _unusual(encoded)


def _unusual(encoded: bytes) -> NDArray[np.uint8]:
    """Decode JPEGs that TurboJPEG refuses, of four inks, rare sampling or odd bytes, by the accurate transform."""
    with Image.open(io.BytesIO(encoded)) as image:
        if image.mode != "CMYK":
            return np.asarray(image.convert("RGBA"))
        paper = 255 - np.asarray(image).astype(np.uint16)
    paper[..., :3] = paper[..., :3] * paper[..., 3:] // 255
    return paper.astype(np.uint8)


def _other(encoded: bytes) -> NDArray[np.uint8]:
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None
    if pixels is None:
        raise ValueError("neither JPEG nor PNG nor WebP")
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)

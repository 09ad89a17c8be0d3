"""The part of an image that any crop of a person can show, kept at the resolution that the network needs.

Pixels of the kept part lie on the grid of the person's crop, neither turned nor scaled: so that crop is read from them
without a second interpolation, and only augmented ones are interpolated twice. A part is never enlarged: people that
are small in their image are kept as they are.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from evopose2d.config.schema import CropsConfig
from evopose2d.data.augmentation import half_body_crop
from evopose2d.data.geometry import InputShape, center_and_scale, crop
from evopose2d.keypoints import KeypointSchema

LOSSLESS = 101
"""A quality above all of JPEG's."""

_MARGIN = 2  # kept pixels beyond what crops show: interpolation reads the pixels around a point
_BLOCK = 16  # pixels: a JPEG that is cut where its blocks meet loses half as much when it is encoded again
_FINEST = 2  # times the resolution of the person's crop: a half body of few keypoints asks for more, to little use


@dataclass(frozen=True)
class CropRegion:
    """Where a kept part lies: kept pixel = (image pixel - (x, y)) * scale.

    Attributes:
        x: of the first kept pixel, in image pixels; rounded to float32, as ``y`` and ``scale`` are.
        y: of the first kept pixel.
        scale: kept pixels in an image pixel, at most 1.
        height: of the part in kept pixels.
        width: of the part in kept pixels.
    """

    x: float
    y: float
    scale: float
    height: int
    width: int

    @property
    def placement(self) -> tuple[float, float, float]:
        """What a record says of it: x, y and scale."""
        return self.x, self.y, self.scale


def crop_region(
    box: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    image_shape: ArrayLike,
    crops: CropsConfig,
    schema: KeypointSchema,
) -> CropRegion:
    """Find the smallest part that holds everything inside the image that crops of a person can show.

    Args:
        box: (4,) x, y, width, height in image pixels.
        keypoints: (K, 3) x, y in image pixels and visibility.
        image_shape: height and width of the image in pixels; what follows them is not looked at.
        crops: the largest crop, scale and rotation, and whether there are crops to half a body.
        schema: the keypoints' upper body.
    """
    height, width = crops.input_shape
    centres, scales = _shown(box, keypoints, (height, width), schema, half_body=crops.half_body)
    reach = _reach(box, (height, width), 2 * crops.rotation) * (1 + crops.scale)
    low = (centres - reach * scales[:, np.newaxis]).min(axis=0)
    high = (centres + reach * scales[:, np.newaxis]).max(axis=0)
    kept_scale = float(np.float32(min(1.0, 1 / max(scales.min(), scales[0] / _FINEST))))
    # Kept pixels lie on those of the image where these are kept as they are, else on those of the person's crop.
    whole = kept_scale == 1
    anchor = np.zeros(2) if whole else centres[0]
    middle = np.zeros(2) if whole else np.array([width / 2, height / 2])
    size = np.asarray(image_shape, np.float64)[1::-1]
    # A point up to a pixel outside the image still has some of its colour.
    first_inside = np.floor((-1 - anchor) * kept_scale + middle) + 1
    end_inside = np.ceil((size - anchor) * kept_scale + middle)
    first = np.floor((low - anchor) * kept_scale + middle) - _MARGIN
    first = np.floor(first / _BLOCK) * _BLOCK if whole else first
    end = np.ceil((high - anchor) * kept_scale + middle) + _MARGIN + 1
    first = np.clip(first, first_inside, end_inside - 1)
    end = np.clip(end, first + 1, np.maximum(end_inside, first + 1))
    x, y = ((first - middle) / kept_scale + anchor).astype(np.float32).tolist()
    kept_width, kept_height = (end - first).astype(int).tolist()
    return CropRegion(x, y, kept_scale, kept_height, kept_width)


def keep(image: NDArray[np.uint8], part: CropRegion) -> NDArray[np.uint8]:
    """Return a part (height, width, 3) uint8 RGB of an image (any height, any width, 3) uint8 RGB."""
    matrix = [[part.scale, 0, -part.x * part.scale], [0, part.scale, -part.y * part.scale]]
    return crop(image, matrix, (part.height, part.width))


def encode_part(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode a part of an image; equal input gives equal bytes.

    Args:
        pixels: (any height, any width, 3) uint8 RGB.
        quality: of a JPEG, 1 .. 100; ``LOSSLESS`` gives a WebP without loss.
    """
    options = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_OPTIMIZE: 1,
        # Colours at half the resolution take a third less time to decode, for half a grey level.
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    }
    if quality == LOSSLESS:
        options = {cv2.IMWRITE_WEBP_QUALITY: quality}
    suffix = ".webp" if quality == LOSSLESS else ".jpg"
    flat = [number for option in options.items() for number in option]
    _, encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flat)
    return encoded.tobytes()


def _shown(
    box: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    input_shape: InputShape,
    schema: KeypointSchema,
    *,
    half_body: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres (P, 2) and scales (P,) of the crops that may be shown before scale and rotation vary them."""
    found = [center_and_scale(box, input_shape)]
    if half_body:
        halves = (half_body_crop(keypoints, input_shape, schema, prefer_upper=upper) for upper in (True, False))
        found += [half for half in halves if half is not None]
    return np.stack([center for center, _ in found]), np.array([float(scale) for _, scale in found])


def _reach(box: NDArray[np.float32], input_shape: InputShape, rotation: float) -> NDArray[np.float64]:
    """Return half the width and height (2,), in crop pixels, that a crop turned by up to ``rotation`` degrees shows."""
    height, width = input_shape
    limit = np.deg2rad(min(rotation, 90.0))
    across, down = min(limit, np.arctan2(height, width)), min(limit, np.arctan2(width, height))
    turned = np.array([width * np.cos(across) + height * np.sin(across), height * np.cos(down) + width * np.sin(down)])
    # Crops that are measured between the centres of their outer pixels show a little more.
    _, plain = center_and_scale(box, input_shape)
    _, centred = center_and_scale(box, (height - 1, width - 1))
    return np.maximum(turned, np.array([width - 1, height - 1]) * (centred / plain)) / 2

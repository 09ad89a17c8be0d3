"""From a person's box to the network's crop, and from the crop back to the image.

A crop is described by an affine matrix (2, 3), float64, that takes image pixels to crop pixels. Every
function takes one person or any number of them in leading axes, written ``...`` below.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

CROP_MARGIN = 1.25
"""Size of a crop over that of the person's box grown to the crop's aspect ratio."""

IMAGENET_MEAN_COLOUR = (124, 116, 104)
"""RGB of the crop's area outside the image: what the network's normalisation turns to zero."""

InputShape = tuple[int, int]


def center_and_scale(
    boxes: ArrayLike, input_shape: InputShape, margin: float = CROP_MARGIN
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place crops on boxes: same centre, the shorter side grown to the crop's aspect ratio, then the margin.

    Args:
        boxes: (..., 4) x, y, width, height in image pixels; width or height above 0.
        input_shape: height and width of a crop in pixels.
        margin: size of the crop over that of the grown box.

    Returns:
        Centre (..., 2) of the crop in image pixels, and scale (...), the image pixels in a crop pixel.
    """
    boxes = np.asarray(boxes, np.float64)
    height, width = input_shape
    center = boxes[..., :2] + boxes[..., 2:] / 2
    scale = np.maximum(boxes[..., 3] / height, boxes[..., 2] / width) * margin
    return center, scale


def affine_matrices(
    center: ArrayLike,
    scale: ArrayLike,
    input_shape: InputShape,
    rotation: ArrayLike = 0.0,
    flip: ArrayLike = False,
    middle: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Return the matrices that put ``center`` in the middle of the crop, mirrored, then rotated about it.

    Args:
        center: (..., 2) in image pixels.
        scale: (...) image pixels in a crop pixel, above 0.
        input_shape: height and width of a crop in pixels.
        rotation: (...) degrees by which the picture turns clockwise.
        flip: (...) whether the picture is mirrored left to right.
        middle: x, y of the crop's middle in crop pixels; None: half its width and height, as in the original.

    Returns:
        (..., 2, 3) float64, image pixels to crop pixels.
    """
    center, scale = np.asarray(center, np.float64), np.asarray(scale, np.float64)
    angle = np.deg2rad(np.asarray(rotation, np.float64))
    mirror = np.where(flip, -1.0, 1.0)
    cosine, sine = np.broadcast_arrays(np.cos(angle) / scale, np.sin(angle) / scale)
    linear = np.stack(
        [np.stack([cosine * mirror, -sine], axis=-1), np.stack([sine * mirror, cosine], axis=-1)], axis=-2
    )
    target = np.array((input_shape[1] / 2, input_shape[0] / 2) if middle is None else middle)
    offset = target - np.einsum("...ij,...j->...i", linear, center)
    return np.concatenate([linear, offset[..., np.newaxis]], axis=-1)


def crop_matrices(boxes: ArrayLike, input_shape: InputShape, *, centred: bool = False) -> NDArray[np.float64]:
    """Return the matrices (..., 2, 3) of the crops of boxes (..., 4), neither turned nor mirrored.

    Args:
        boxes: (..., 4) x, y, width, height in image pixels; width or height above 0.
        input_shape: height H and width W of a crop in pixels.
        centred: measure the crop between the centres of its outer pixels, W - 1 by H - 1 (Huang et al., UDP, arXiv
            1911.07524): the box's centre then is the crop's axis of mirroring. Otherwise W by H, as the original.
    """
    if not centred:
        return affine_matrices(*center_and_scale(boxes, input_shape), input_shape)
    height, width = input_shape
    center, scale = center_and_scale(boxes, (height - 1, width - 1))
    return affine_matrices(center, scale, input_shape, middle=((width - 1) / 2, (height - 1) / 2))


def invert(matrices: ArrayLike) -> NDArray[np.float64]:
    """Return the matrices (..., 2, 3) that take crop pixels back to image pixels."""
    matrices = np.asarray(matrices, np.float64)
    linear = np.linalg.inv(matrices[..., :2])
    offset = -np.einsum("...ij,...j->...i", linear, matrices[..., 2])
    return np.concatenate([linear, offset[..., np.newaxis]], axis=-1)


def transform_keypoints(keypoints: ArrayLike, matrices: ArrayLike) -> NDArray[np.float32]:
    """Move keypoints by one matrix a person; what follows x and y (visibility or score) stays.

    Args:
        keypoints: (..., K, 3).
        matrices: (..., 2, 3), image to crop, or inverted: crop to image.

    Returns:
        (..., K, 3) float32.
    """
    keypoints, matrices = np.asarray(keypoints, np.float64), np.asarray(matrices, np.float64)
    moved = keypoints[..., :2] @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., np.newaxis, :, 2]
    return np.concatenate([moved, keypoints[..., 2:]], axis=-1).astype(np.float32)


def keypoints_to_image(keypoints: ArrayLike, matrices: ArrayLike) -> NDArray[np.float32]:
    """Take keypoints (..., K, 3) of crops back to image pixels, given the crops' matrices (..., 2, 3)."""
    return transform_keypoints(keypoints, invert(matrices))


def mask_outside(keypoints: NDArray[np.float32], input_shape: InputShape) -> NDArray[np.float32]:
    """Return keypoints (..., K, 3) in crop pixels, visibility 0 unless 0 <= x < W and 0 <= y < H."""
    height, width = input_shape
    x, y = keypoints[..., 0], keypoints[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    masked = keypoints.copy()
    masked[..., 2] *= inside
    return masked


def placed(matrices: NDArray[np.float64], placement: ArrayLike) -> NDArray[np.float64]:
    """Return the matrices (..., 2, 3) from kept pixels to crop pixels.

    Args:
        matrices: (..., 2, 3), image pixels to crop pixels.
        placement: (3,) x, y and scale of what is kept of the image: kept pixel = (image pixel - (x, y)) * scale.
    """
    x, y, scale = np.asarray(placement, np.float64)
    offset = matrices[..., 2] + matrices[..., :2] @ (x, y)
    return np.concatenate([matrices[..., :2] / scale, offset[..., np.newaxis]], axis=-1)


def crop(image: NDArray[np.uint8], matrix: ArrayLike, input_shape: InputShape) -> NDArray[np.uint8]:
    """Cut one crop out of an image, interpolating linearly.

    Args:
        image: (any height, any width, 3) uint8 RGB.
        matrix: (2, 3), image pixels to crop pixels.
        input_shape: height H and width W of the crop.

    Returns:
        (H, W, 3) uint8 RGB; ImageNet's mean colour where the crop reaches past the image.
    """
    out = np.empty((*input_shape, 3), np.uint8)
    warp(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), matrix, out)
    return out


def warp(pixels: NDArray[np.uint8], matrix: ArrayLike, out: NDArray[np.uint8]) -> None:
    """Cut one crop out of an image of four channels, as ``crop`` does.

    Args:
        pixels: (any height, any width, 4) uint8; OpenCV warps four channels with vector instructions and three without.
        matrix: (2, 3), image pixels to crop pixels.
        out: (H, W, 3) uint8, written to.
    """
    warped = cv2.warpAffine(
        pixels,
        np.asarray(matrix, np.float64),
        out.shape[1::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(*IMAGENET_MEAN_COLOUR, 0),
    )
    cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=out)

"""Random changes of a training crop. Pixels and keypoints move by one and the same matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.geometry import (
    InputShape,
    affine_matrices,
    center_and_scale,
    mask_outside,
    transform_keypoints,
)
from evopose2d.keypoints import KeypointSchema

_HALF_BODY_MARGIN = 1.5
# A half of fewer labelled keypoints gives a box that says little of where that half lies.
_HALF_BODY_FEWEST = 3


@dataclass(frozen=True)
class Augmentation:
    """What is done to one crop; the defaults leave it as it is.

    Attributes:
        scale: factor of the image area's side that the crop shows; above 1 the person gets smaller.
        rotation: degrees that the picture turns clockwise.
        flip: mirror it left to right.
        half_body: crop to the upper or lower body where enough keypoints are labelled.
        prefer_upper: which half is tried first.
    """

    scale: float = 1.0
    rotation: float = 0.0
    flip: bool = False
    half_body: bool = False
    prefer_upper: bool = False


def draw_augmentation(config: AugmentationConfig, rng: np.random.Generator) -> Augmentation:
    """Draw the changes of one crop, as HRNet and EvoPose2D train.

    The number of draws is fixed, so that changing one setting leaves the draws of the others as they were. A
    probability of 0 means never, of 1 always.
    """
    scale, rotation = rng.standard_normal(2)
    rotate, flip, half_body, prefer_upper = rng.random(4)
    limit = 2 * config.rotation
    return Augmentation(
        scale=float(np.clip(1 + config.scale * scale, 1 - config.scale, 1 + config.scale)),
        rotation=(
            float(np.clip(config.rotation * rotation, -limit, limit)) if rotate < config.rotation_probability else 0.0
        ),
        flip=bool(flip < config.flip_probability),
        half_body=bool(half_body < config.half_body_probability),
        prefer_upper=bool(prefer_upper < 0.5),
    )


def draw_flip(config: AugmentationConfig, rng: np.random.Generator) -> bool:
    """Draw what ``draw_augmentation`` would draw of the mirroring, in half the time."""
    rng.standard_normal(2)
    return bool(rng.random(4)[1] < config.flip_probability)


def flip_only(config: AugmentationConfig) -> bool:
    """Say whether mirroring is all that ever changes a crop, so that each person has two crops and no more."""
    turns = config.rotation_probability > 0 and config.rotation > 0
    return config.scale == 0 and not turns and config.half_body_probability == 0


def augment(
    box: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    input_shape: InputShape,
    augmentation: Augmentation,
    schema: KeypointSchema,
    half_body_keypoints: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Place one person's crop and move the keypoints with it.

    Args:
        box: (4,) x, y, width, height in image pixels.
        keypoints: (K, 3) x, y in image pixels and visibility.
        input_shape: height and width of the crop in pixels.
        augmentation: what to change.
        schema: the keypoints' mirror pairs and upper body.
        half_body_keypoints: people with fewer labelled keypoints are never cropped to a half.

    Returns:
        The matrix (2, 3), image pixels to crop pixels, and the keypoints (K, 3) in crop pixels: left and
        right exchanged in a mirrored crop, visibility 0 outside the crop.
    """
    center, scale = center_and_scale(box, input_shape)
    if augmentation.half_body and np.count_nonzero(keypoints[:, 2]) >= half_body_keypoints:
        half = half_body_crop(keypoints, input_shape, schema, prefer_upper=augmentation.prefer_upper)
        if half is not None:
            center, scale = half
    matrix = affine_matrices(center, scale * augmentation.scale, input_shape, augmentation.rotation, augmentation.flip)
    moved = transform_keypoints(keypoints, matrix)
    if augmentation.flip:
        moved = moved[np.asarray(schema.flip_permutation)]
    return matrix, mask_outside(moved, input_shape)


def half_body_crop(
    keypoints: NDArray[np.float32], input_shape: InputShape, schema: KeypointSchema, *, prefer_upper: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return centre (2,) in image pixels and scale (), image pixels in a crop pixel, of a crop to one half.

    None where ``half_body_box`` finds none.
    """
    half = half_body_box(keypoints, schema, prefer_upper=prefer_upper)
    if half is None:
        return None
    _, scale = center_and_scale(half[1], input_shape, _HALF_BODY_MARGIN)
    return half[0].astype(np.float64), scale


def half_body_box(
    keypoints: NDArray[np.float32], schema: KeypointSchema, *, prefer_upper: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the mean position (2,) and bounding box (4,) of one half's labelled keypoints (HRNet's rule).

    The preferred half gives way to the other where fewer than three of its keypoints are labelled. None where
    the dataset defines no halves, neither half has three, or they all lie on one spot.
    """
    if not schema.upper_body:
        return None
    is_upper = np.isin(np.arange(schema.count), schema.upper_body)
    labelled = keypoints[:, 2] > 0
    upper, lower = keypoints[labelled & is_upper, :2], keypoints[labelled & ~is_upper, :2]
    for half in (upper, lower) if prefer_upper else (lower, upper):
        if len(half) >= _HALF_BODY_FEWEST and np.ptp(half, axis=0).any():
            return half.mean(axis=0), np.concatenate([half.min(axis=0), np.ptp(half, axis=0)])
    return None

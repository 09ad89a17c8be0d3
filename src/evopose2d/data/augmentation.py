"""Random changes of a training crop. Pixels and keypoints move by one and the same matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evopose2d.data.geometry import (
    InputShape,
    affine_matrices,
    center_and_scale,
    mask_outside,
    transform_keypoints,
)
from evopose2d.keypoints import KeypointSchema

if TYPE_CHECKING:
    from evopose2d.config.schema import AugmentationConfig

_HALF_BODY_MARGIN = 1.5
# A half of fewer labelled keypoints gives a box that says little of where that half lies.
_HALF_BODY_FEWEST = 3


@dataclass(frozen=True)
class Augmentation:
    """What is done to one crop, or to any number of them (...); the defaults leave crops as they are.

    Attributes:
        scale: factor of the image area's side that the crop shows; above 1 the person gets smaller.
        rotation: degrees that the picture turns clockwise.
        flip: mirror it left to right.
        half_body: crop to the upper or lower body where enough keypoints are labelled.
        prefer_upper: which half is tried first.
    """

    scale: ArrayLike = 1.0
    rotation: ArrayLike = 0.0
    flip: ArrayLike = False
    half_body: ArrayLike = False
    prefer_upper: ArrayLike = False


def draw(rng: np.random.Generator, people: int) -> NDArray[np.float64]:
    """Draw what changes the crops of P people: (P, 6), two of a standard normal and four between 0 and 1.

    They are as many for every setting, so that changing one setting leaves what another makes of them as it was.
    """
    return np.concatenate([rng.standard_normal((people, 2)), rng.random((people, 4))], axis=1)


def drawn_augmentation(config: AugmentationConfig, drawn: NDArray[np.float64]) -> Augmentation:
    """Return the changes of crops, as HRNet and EvoPose2D train; a probability of 0 means never, of 1 always.

    Args:
        config: how crops are varied.
        drawn: (P, 6), from ``draw``.

    Returns:
        Arrays (P,).
    """
    scale, rotation, rotate, _, half_body, prefer_upper = drawn.T
    limit = 2 * config.rotation
    return Augmentation(
        scale=np.clip(1 + config.scale * scale, 1 - config.scale, 1 + config.scale),
        rotation=np.where(
            rotate < config.rotation_probability, np.clip(config.rotation * rotation, -limit, limit), 0.0
        ),
        flip=drawn_flips(config, drawn),
        half_body=half_body < config.half_body_probability,
        prefer_upper=prefer_upper < 0.5,
    )


def drawn_flips(config: AugmentationConfig, drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which crops (P,) are mirrored, given what was drawn (P, 6)."""
    return drawn[:, 3] < config.flip_probability


def flip_only(config: AugmentationConfig) -> bool:
    """Return whether mirroring is all that ever changes a crop, so that each person has two crops and no more."""
    turns = config.rotation_probability > 0 and config.rotation > 0
    return config.scale == 0 and not turns and config.half_body_probability == 0


def augment(
    boxes: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    input_shape: InputShape,
    augmentation: Augmentation,
    schema: KeypointSchema,
    half_body_keypoints: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Place the crops of people, one (no leading axis) or P of them, and move the keypoints with them.

    Args:
        boxes: (..., 4) x, y, width, height in image pixels.
        keypoints: (..., K, 3) x, y in image pixels and visibility.
        input_shape: height and width of the crop in pixels.
        augmentation: what to change; of each, or of all the same.
        schema: the keypoints' mirror pairs and upper body.
        half_body_keypoints: people with fewer labelled keypoints are never cropped to a half.

    Returns:
        The matrices (..., 2, 3), image pixels to crop pixels, and the keypoints (..., K, 3) in crop pixels: left and
        right exchanged in a mirrored crop, visibility 0 outside the crop.
    """
    people = boxes.shape[:-1]
    centers, scales = map(np.array, center_and_scale(boxes, input_shape))
    labelled = np.count_nonzero(keypoints[..., 2], axis=-1)
    halved = np.broadcast_to(augmentation.half_body, people) & (labelled >= half_body_keypoints)
    uppers = np.broadcast_to(augmentation.prefer_upper, people)
    for person in map(tuple, np.argwhere(halved)):
        half = half_body_crop(keypoints[person], input_shape, schema, prefer_upper=bool(uppers[person]))
        if half is not None:
            centers[person], scales[person] = half
    scales = scales * np.asarray(augmentation.scale, np.float64)
    matrices = affine_matrices(centers, scales, input_shape, augmentation.rotation, augmentation.flip)
    moved = transform_keypoints(keypoints, matrices)
    mirrored = np.asarray(augmentation.flip)[..., np.newaxis, np.newaxis]
    moved = np.where(mirrored, moved[..., list(schema.flip_permutation), :], moved)
    return matrices, mask_outside(moved, input_shape)


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

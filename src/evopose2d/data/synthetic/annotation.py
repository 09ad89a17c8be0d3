"""COCO annotations from exact masks: boxes, areas, polygons and run lengths."""

import itertools
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from evopose2d.keypoints import COCO_PERSON

PERSON_CATEGORY: dict[str, Any] = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(COCO_PERSON.names),
    "skeleton": [[first + 1, second + 1] for first, second in COCO_PERSON.skeleton],
}
Mask = NDArray[np.bool_]

# Contours are traced on a mask of twice the size: they then run a quarter pixel inside of the pixels' outer
# edges, and a polygon filled with pixels whose centre it holds is the mask again, but for the simplification.
_MAGNIFICATION = 2
_SIMPLIFICATION = 0.5  # pixels; it makes the files smaller by half
_UNCUT = 2
_LEAST_POLYGON = 6  # numbers, which are three points: fewer are no polygon to pycocotools


def person_annotation(mask: Mask, keypoints: NDArray[np.float64]) -> dict[str, Any]:
    """Describe one person, except for ids.

    Args:
        mask: (H, W) the person's visible pixels, at least one.
        keypoints: (17, 3) x, y, visibility; all zero where visibility is 0.

    Returns:
        The annotation; ``area`` is the segmentation's.
    """
    polygons = mask_polygons(mask)
    runs = coco_mask.merge(coco_mask.frPyObjects(polygons, *mask.shape))
    rows = [[round(float(x), 2), round(float(y), 2), int(v)] for x, y, v in keypoints]
    return {
        "segmentation": polygons,
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "area": float(coco_mask.area(runs)),
        "iscrowd": 0,
        "keypoints": [number for row in rows for number in row],
        "bbox": mask_box(mask),
        "category_id": PERSON_CATEGORY["id"],
    }


def crowd_annotation(mask: Mask) -> dict[str, Any]:
    """Describe a group of people too small to be told apart, except for ids. ``mask`` as for a person."""
    return {
        "segmentation": {"counts": run_lengths(mask), "size": list(mask.shape)},
        "num_keypoints": 0,
        "area": float(mask.sum()),
        "iscrowd": 1,
        "keypoints": [0] * (3 * COCO_PERSON.count),
        "bbox": mask_box(mask),
        "category_id": PERSON_CATEGORY["id"],
    }


def mask_box(mask: Mask) -> list[float]:
    """Return the box (x, y, width, height) that just holds the mask's pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    left, top = columns[0], rows[0]
    return [float(left), float(top), float(columns[-1] - left + 1), float(rows[-1] - top + 1)]


def run_lengths(mask: Mask) -> list[int]:
    """Return COCO's uncompressed run lengths: column by column, pixels outside first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return ([0] if flat[0] else []) + [int(run) for run in runs]


def mask_polygons(mask: Mask) -> list[list[float]]:
    """Return polygons [x1, y1, x2, y2, ...] that cover the mask.

    COCO's polygons have no holes, so a mask with holes is cut into upright strips, through each hole.
    """
    left, top, width, height = (int(value) for value in mask_box(mask))
    crop = mask[top : top + height, left : left + width].astype(np.uint8)
    large = cv2.resize(crop, None, fx=_MAGNIFICATION, fy=_MAGNIFICATION, interpolation=cv2.INTER_NEAREST)
    cuts = [0, *_cuts_through_holes(large), large.shape[1]]
    polygons = []
    for start, stop in itertools.pairwise(cuts):
        contours, _ = cv2.findContours(large[:, start:stop], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            # A simplified edge leans, and at a cut would lose a whole column of pixels.
            if len(cuts) == _UNCUT:
                contour = cv2.approxPolyDP(contour, _SIMPLIFICATION * _MAGNIFICATION, closed=True)
            points = (contour[:, 0] + (start + 0.5, 0.5)) / _MAGNIFICATION + (left, top)
            if points.size >= _LEAST_POLYGON:
                polygons.append([float(number) for number in points.ravel()])
    return polygons


def _cuts_through_holes(mask: NDArray[np.uint8]) -> Sequence[int]:
    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if hierarchy is None:
        return []
    parents = hierarchy.reshape(-1, 4)[:, 3]
    holes = [contour[:, 0, 0] for contour, parent in zip(contours, parents, strict=True) if parent >= 0]
    middles = {int(hole.min() + hole.max() + 1) // 2 for hole in holes}
    # An odd column would cut a pixel in two, and each half would lose a sliver.
    return sorted(middle - middle % _MAGNIFICATION for middle in middles if middle >= _MAGNIFICATION)

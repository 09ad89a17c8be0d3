import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from evopose2d.data.synthetic import annotation

masks = st.integers(0, 2**32 - 1).map(lambda seed: blotches(np.random.default_rng(seed)))


def blotches(rng):
    """Rectangles, some cut out of others: separate parts, holes and parts that touch the border."""
    mask = np.zeros(rng.integers(20, 90, 2), bool)
    mask[2:14, 3:17] = True
    for _ in range(rng.integers(0, 8)):
        top, left = rng.integers(0, mask.shape)
        height, width = rng.integers(4, 40, 2)
        mask[top : top + height, left : left + width] = rng.random() < 0.6
    return mask if mask.sum() > 40 else ~mask


def decoded(segmentation, shape):
    rows = coco_mask.frPyObjects(segmentation, *shape)
    return coco_mask.decode(coco_mask.merge(rows) if isinstance(rows, list) else rows).astype(bool)


@given(masks)
def test_run_lengths_are_the_mask(mask):
    segmentation = {"counts": annotation.run_lengths(mask), "size": list(mask.shape)}
    assert (decoded(segmentation, mask.shape) == mask).all()


@given(masks)
@settings(deadline=None)
def test_polygons_are_nearly_the_mask(mask):
    again = decoded(annotation.mask_polygons(mask), mask.shape)
    # Simplification moves edges by half a pixel at most: only pixels that touch an edge (of the mask
    # or of the picture) may differ.
    square = np.ones((3, 3), np.uint8)
    surely = cv2.erode(mask.astype(np.uint8), square, borderValue=0).astype(bool)
    perhaps = cv2.dilate(mask.astype(np.uint8), square).astype(bool)
    assert not (surely & ~again).any()
    assert not (again & ~perhaps).any()


def test_a_hole_stays_open():
    mask = np.zeros((40, 50), bool)
    mask[5:35, 5:45] = True
    mask[12:30, 15:22] = False
    mask[20:22, 30:31] = False
    again = decoded(annotation.mask_polygons(mask), mask.shape)
    assert not again[12:30, 15:22].any()
    assert not again[20:22, 30].any()
    assert again.sum() == pytest.approx(mask.sum(), abs=4)


@given(masks)
def test_box_is_tight(mask):
    left, top, width, height = (int(value) for value in annotation.mask_box(mask))
    inside = mask[top : top + height, left : left + width]
    assert inside.sum() == mask.sum()
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_person_counts_labelled_keypoints_and_takes_its_area_from_the_segmentation():
    mask = np.zeros((60, 40), bool)
    mask[10:50, 5:25] = True
    keypoints = np.zeros((17, 3))
    keypoints[0] = 12.3456, 20.0, 2
    keypoints[5] = 14.0, 30.0, 1
    person = annotation.person_annotation(mask, keypoints)
    assert person["num_keypoints"] == 2
    assert person["keypoints"][:3] == [12.35, 20.0, 2]
    assert person["bbox"] == [5.0, 10.0, 20.0, 40.0]
    assert person["area"] == decoded(person["segmentation"], mask.shape).sum() == 800
    assert person["iscrowd"] == 0


def test_crowd_has_no_keypoints():
    mask = np.zeros((30, 30), bool)
    mask[3:9, 4:20] = True
    crowd = annotation.crowd_annotation(mask)
    assert (crowd["iscrowd"], crowd["num_keypoints"], crowd["keypoints"]) == (1, 0, [0] * 51)
    assert crowd["area"] == 96

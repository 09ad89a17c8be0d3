from pathlib import Path

import numpy as np
import pytest

from evopose2d.data.coco import parse_coco
from evopose2d.evaluation.person_oks import oks_by_person

SIGMAS = (0.05, 0.1)
CATEGORY = {"id": 1, "name": "person", "keypoints": ["left", "right"]}


def annotation(identity, keypoints, **changes):
    entry = {"id": identity, "image_id": 3, "category_id": 1, "keypoints": keypoints, "bbox": [0, 0, 50, 40]}
    return {**entry, "area": 900.0, "iscrowd": 0, **changes}


def test_each_prediction_is_held_against_its_own_annotation():
    annotations = [
        annotation(11, [10, 10, 2, 30, 20, 1]),
        annotation(12, [10, 10, 2, 0, 0, 0], area=400.0),
        annotation(13, [0, 0, 0, 0, 0, 0]),
    ]
    images = [{"id": 3, "file_name": "3.jpg", "width": 100, "height": 100}]
    content = {"images": images, "annotations": annotations, "categories": [CATEGORY]}
    coco = parse_coco(content, Path("annotations.json"))
    keypoints = np.array([[[13, 10], [99, 99]], [[10, 10], [30, 24]], [[0, 0], [0, 0]], [[10, 10], [30, 20]]], float)

    oks = oks_by_person(coco, np.array([12, 11, 13, 999]), keypoints, SIGMAS)

    first = np.exp(-9 / (2 * 400 * 0.1**2))
    second = (1 + np.exp(-16 / (2 * 900 * 0.2**2))) / 2
    assert oks == pytest.approx([first, second, np.nan, np.nan], nan_ok=True)

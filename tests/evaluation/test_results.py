import json

import numpy as np
import pytest

from evopose2d.evaluation.results import coco_results, write_results

IMAGE_IDS = np.array([785, 139])
KEYPOINTS = np.array([[[1.23456, 2.0, 0.87654321], [3.1, 4.999, 0.0]], [[5, 6, 1], [7, 8, 0.5]]], dtype=np.float32)
SCORES = np.array([0.12345678, 0.9], dtype=np.float32)


def test_results_have_cocos_fields_and_short_numbers():
    first, second = coco_results(IMAGE_IDS, KEYPOINTS, SCORES, category_id=3)

    assert first == {
        "image_id": 785,
        "category_id": 3,
        "keypoints": [1.23, 2.0, 0.876543, 3.1, 5.0, 0.0],
        "score": 0.123457,
    }
    assert second["keypoints"] == [5.0, 6.0, 1.0, 7.0, 8.0, 0.5]
    assert type(first["image_id"]) is int


def test_nobody_gives_an_empty_list():
    assert coco_results(np.zeros(0, int), np.zeros((0, 17, 3)), np.zeros(0)) == []


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="zip"):
        coco_results(IMAGE_IDS, KEYPOINTS, SCORES[:1])


def test_the_file_holds_the_results(tmp_path):
    results = coco_results(IMAGE_IDS, KEYPOINTS, SCORES)

    write_results(tmp_path / "made" / "results.json", results)

    assert json.loads((tmp_path / "made" / "results.json").read_text()) == results


def test_a_result_that_is_no_number_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("old")

    with pytest.raises(ValueError, match="JSON"):
        write_results(path, coco_results(IMAGE_IDS, KEYPOINTS * np.nan, SCORES))

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

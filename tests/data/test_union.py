from pathlib import Path

import pytest

from evopose2d.data.coco import parse_coco
from evopose2d.errors import DataError

_IMAGE = {"id": 1, "file_name": "a.png", "width": 60, "height": 40}
_HORSE = {"id": 3, "name": "horse", "keypoints": ["nose", "left_ear", "tail"], "skeleton": [[1, 2], [1, 3]]}
_BIRD = {"id": 7, "name": "bird", "keypoints": ["beak", "Left Ear", "nose"], "skeleton": [[3, 2], [1, 3]]}


def _content(*, horse=(1, 1, 2, 2, 2, 2, 3, 3, 1), bird=(4, 4, 2, 5, 5, 1, 6, 6, 2)):
    return {
        "images": [_IMAGE],
        "categories": [_HORSE, _BIRD, {"id": 9, "name": "tree"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "keypoints": list(horse)},
            {"id": 2, "image_id": 1, "category_id": 7, "bbox": [0, 0, 9, 9], "keypoints": list(bird)},
            {"id": 3, "image_id": 1, "category_id": 9, "bbox": [0, 0, 9, 9]},
        ],
    }


def test_all_categories_are_one_with_the_union_of_keypoints():
    read = parse_coco(_content(), Path("a.json"), category="all")

    assert read.category["keypoints"] == ["nose", "left_ear", "tail", "beak"]
    assert read.category["skeleton"] == [[1, 2], [1, 3], [1, 4]]
    horse, bird = read.people
    assert horse.keypoints.tolist() == [[1, 1, 2], [2, 2, 2], [3, 3, 1], [0, 0, 0]]
    assert bird.keypoints.tolist() == [[6, 6, 2], [5, 5, 1], [0, 0, 0], [4, 4, 2]]
    assert "annotations of other categories are not used" in read.findings.notes  # the tree


def test_mirror_pairs_of_all_categories_are_the_unions():
    content = _content()
    content["categories"][0] = _HORSE | {"keypoints": ["nose", "left_ear", "right_ear"]}
    content["categories"][1] = _BIRD | {"flip_pairs": [["beak", "Left Ear"]], "keypoints": ["beak", "Left Ear", "tail"]}
    content["annotations"] = content["annotations"][:1]

    read = parse_coco(content, Path("a.json"), category="all")
    assert "flip_pairs" not in read.category  # left_ear stands in two pairs
    assert any(note.startswith("flip_pairs must be pairs of keypoint names, each once") for note in read.findings.notes)
    content["categories"][1]["flip_pairs"] = [["beak", "tail"]]
    read = parse_coco(content, Path("a.json"), category="all")
    assert read.category["flip_pairs"] == [["left_ear", "right_ear"], ["beak", "tail"]]


def test_one_category_is_taken_as_it_is():
    content = _content()
    content["categories"] = [_BIRD]
    content["annotations"] = content["annotations"][1:2]

    assert parse_coco(content, Path("a.json"), category="all").category["keypoints"] == _BIRD["keypoints"]


def test_wrong_number_of_keypoints_is_told_of_its_own_category():
    with pytest.raises(DataError, match=r"annotation 2: keypoints must be 9 numbers \(x, y, visibility of 3\), got 6"):
        parse_coco(_content(bird=(4, 4, 2, 5, 5, 1)), Path("a.json"), category="all")

"""Results files of any method: read whole, checked, written as they were but for the positions."""

import json

import numpy as np
import pytest

from evopose2d.data.coco import parse_coco
from evopose2d.errors import DataError
from evopose2d.refinement.results import read_results


@pytest.fixture
def annotations(tmp_path):
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 50, "height": 40} for n in (1, 2)],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": ["a", "b"], "skeleton": []}],
    }
    return parse_coco(content, tmp_path / "annotations.json")


def _entry(**changes):
    return {"image_id": 1, "category_id": 1, "keypoints": [1, 2, 0.5, 3, 4, 7], "score": 0.3} | changes


def _read(tmp_path, content, annotations):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_results(path, annotations, 2)


def test_all_but_the_positions_stays(tmp_path, annotations):
    entries = [_entry(image_id=2, track=[7]), _entry(category_id=9), _entry(score=2.5)]
    results = _read(tmp_path, entries, annotations)
    refined = results.refined(np.array([[[1.234, 2], [3, 4]], [[5, 6], [7, 8]]], np.float32))

    assert results.image_ids.tolist() == [2, 1]  # of other categories nobody
    assert results.scores.tolist() == [0.3, 2.5]
    assert refined == [
        _entry(image_id=2, track=[7], keypoints=[1.23, 2, 0.5, 3, 4, 7]),
        _entry(score=2.5, keypoints=[5, 6, 0.5, 7, 8, 7]),
    ]


@pytest.mark.parametrize("box", [None, "wide", [1, 2, 3], [1, 2, 0, 4], [1, 2, None, 4]])
def test_boxes_are_those_of_the_method_where_it_gives_them(tmp_path, annotations, box):
    entries = [_entry(bbox=[5, 6, 7, 8]), _entry(bbox=box), _entry()]
    results = _read(tmp_path, entries, annotations)

    around = [2 - 1.2, 3 - 1.2, 2.4, 2.4]  # of (1, 2) and (3, 4), a fifth larger
    np.testing.assert_allclose(results.boxes, [[5, 6, 7, 8], around, around])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("[{]", "is no JSON file"),
        ({"annotations": []}, "no COCO results file, it must be a JSON list, got {.*}"),
        ([], "holds nobody of category 1, must hold a person"),
        ([_entry(category_id=3)], "holds nobody of category 1"),
        ([7], "person 0: must be an object, got 7"),
        ([{"image_id": 1}], "person 0: category_id, keypoints, score is missing"),
        ([_entry(image_id=8)], r"person 0: image 8 is not in .*annotations\.json"),
        ([_entry(keypoints=[1, 2, 3])], r"person 0: keypoints must be 6 finite numbers \(.*\), got 3 numbers"),
        ([_entry(keypoints="x")], "person 0: keypoints must be 6 finite numbers .* got 'x'"),
        ([_entry(keypoints=[1, 2, None, 3, 4, 5])], "person 0: .* got 6 numbers, one not finite"),
        ([_entry(score="high")], "person 0: score must be a finite number, got 'high'"),
        ([_entry(), _entry(score=None), _entry(image_id=3)], "person 1: score .*; person 2: image 3"),
    ],
)
def test_mistakes_are_one_line(tmp_path, annotations, content, line):
    with pytest.raises(DataError, match=line) as error:
        _read(tmp_path, content, annotations)
    assert "\n" not in str(error.value)

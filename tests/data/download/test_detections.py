import json
from pathlib import Path

import pytest

from evopose2d.errors import DataError


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "data" / "coco"


def test_detections_come_from_a_file_or_an_address_and_go_with_the_key(coco, root, tmp_path, make):
    found = [{"image_id": 11, "category_id": 1, "bbox": [1, 2, 3.5, 4], "score": 0.9}]
    other = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}]
    place = root / "detections" / "person_detections_val2017.json"
    make.write(tmp_path / "found.json", make.as_json(found + other))
    coco.prepare(root, detections=str(tmp_path / "found.json"))
    assert json.loads(place.read_bytes()) == found
    coco.site.files["/found.json"] = make.as_json(found * 2)
    asked = len(coco.site.requests)
    coco.prepare(root, detections=f"{coco.site.address}/found.json")
    assert json.loads(place.read_bytes()) == found * 2
    assert [path for path, _ in coco.site.requests[asked:]] == ["/found.json"]
    coco.prepare(root)
    assert not place.exists()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"<html>", "no JSON file"),
        (b"{}", "must be a JSON list"),
        (b'[{"image_id": 11, "category_id": 1, "bbox": [1, 2, 3], "score": 0.5}]', "detection 0: bbox must be"),
        (
            b'[{"image_id": 11, "category_id": 1, "bbox": [1, 2, 3, 4], "score": NaN}]',
            "detection 0: score must be",
        ),
        (
            b'[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]',
            "none of the 1 detections",
        ),
    ],
)
def test_wrong_detections_are_one_line(coco, root, tmp_path, make, contents, message):
    make.write(tmp_path / "found.json", contents)
    with pytest.raises(DataError, match=message) as caught:
        coco.prepare(root, detections=str(tmp_path / "found.json"))
    assert "\n" not in str(caught.value)
    assert not (root / "detections").exists()


def test_detections_that_are_nowhere_are_told_before_any_work(coco, root):
    with pytest.raises(
        DataError, match=r"got 'nowhere.json', which is no http\(s\) address, and /.*/nowhere.json is no file"
    ):
        coco.prepare(root, detections="nowhere.json")
    assert coco.site.requests == []

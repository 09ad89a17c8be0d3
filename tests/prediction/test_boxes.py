import json
from pathlib import Path

import numpy as np
import pytest

from evopose2d.errors import ConfigError, DataError
from evopose2d.prediction.boxes import DetectionFile, GivenBoxes, parse_boxes, whole_picture
from evopose2d.prediction.sources import Picture

PIXELS = np.zeros((30, 40, 3), np.uint8)


def detection(image_id, score=0.9, category_id=1, box=(1, 2, 3, 4)):
    return {"image_id": image_id, "category_id": category_id, "bbox": list(box), "score": score}


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def picture(name, number=1):
    return Picture(Path(name), number, PIXELS)


def test_boxes_of_the_command_line():
    boxes = parse_boxes(["1,2,3,4", " 5.5,-6,7,8"])

    assert boxes.places.tolist() == [[1, 2, 3, 4], [5.5, -6, 7, 8]]
    assert boxes.scores.tolist() == [1, 1]


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,0", "1,2,-3,4", "a,b,c,d", "1,2,3,nan", ""])
def test_a_box_that_is_none(text):
    with pytest.raises(ConfigError, match="--box: got"):
        parse_boxes([text])


def test_boxes_that_a_picture_does_not_reach_are_left_out_with_one_warning(caplog):
    texts = ["5000,5000,10,10", "39,29,10,10", "40,0,5,5", "-5,-5,5,6", "-5,-5,6,6"]
    source = GivenBoxes(parse_boxes(texts))

    for frame in range(3):
        found = source(picture("walk.mp4", frame))
        assert found.places.tolist() == [[39, 29, 10, 10], [-5, -5, 6, 6]]
        assert found.scores.tolist() == [1, 1]

    (record,) = caplog.records
    expected = "--box: got 5000,5000,10,10; 40,0,5,5; -5,-5,5,6, outside the 40 x 30 pixels of walk.mp4; left out there"
    assert record.getMessage() == expected
    source(picture("other.jpg"))
    assert len(caplog.records) == 2
    assert GivenBoxes(parse_boxes(texts[:1]))(picture("a.jpg")).places.shape == (0, 4)


def test_the_whole_picture_is_one_person():
    assert whole_picture(picture("a.jpg")).places.tolist() == [[0, 0, 40, 30]]


def test_detections_are_matched_by_the_number_in_the_name(tmp_path):
    path = write(
        tmp_path / "boxes.json",
        [detection(785, 0.9), detection(785, 0.1), detection(785, 0.8, category_id=2), detection(785, 0.5)],
    )
    file = DetectionFile(path, [Path("000000000785.jpg")], threshold=0.3)

    assert file(picture("000000000785.jpg")).scores == pytest.approx([0.9, 0.5])
    assert file(picture("000000000786.jpg")).places.shape == (0, 4)
    assert file(picture("portrait.jpg")).places.shape == (0, 4)


def test_detections_are_matched_through_an_annotation_file(tmp_path):
    images = [{"id": 7, "file_name": "portrait.jpg", "width": 40, "height": 30}]
    annotations = write(tmp_path / "images.json", {"images": images})
    boxes = write(tmp_path / "boxes.json", [detection(7)])

    file = DetectionFile(boxes, [Path("photos/portrait.jpg")], annotations=annotations)

    assert file(picture("photos/portrait.jpg")).places.tolist() == [[1, 2, 3, 4]]


def test_frames_have_the_number_of_their_place(tmp_path):
    path = write(tmp_path / "boxes.json", [detection(3)])
    file = DetectionFile(path, [Path("film.mp4")])

    assert [len(file(picture("film.mp4", number)).scores) for number in (2, 3)] == [0, 1]


def test_detections_of_other_images_are_told(tmp_path):
    path = write(tmp_path / "boxes.json", [detection(3)])
    with pytest.raises(DataError, match="no box of score"):
        DetectionFile(path, [Path("000000000785.jpg")])
    with pytest.raises(DataError, match=r"boxes\.json"):
        DetectionFile(write(path, [{"image_id": 1}]), [Path("1.jpg")])


def test_names_with_folders_are_matched_by_as_many_as_there_are(tmp_path):
    ids = {"a/1.jpg": 7, "b/1.jpg": 8, "c/x.jpg": 1}
    images = [{"id": number, "file_name": name, "width": 40, "height": 30} for name, number in ids.items()]
    annotations = write(tmp_path / "images.json", {"images": images})
    boxes = write(tmp_path / "boxes.json", [detection(number) for number in ids.values()])
    file = DetectionFile(boxes, [Path("photos/a/1.jpg")], annotations=annotations)

    assert {name: file.image_id(Path("photos") / name) for name in ids} == ids
    assert file.image_id(Path("elsewhere/x.jpg")) == 1
    assert file.image_id(Path("elsewhere/1.jpg")) is None  # of two, and never the number that it is named by
    assert file.image_id(Path("8.jpg")) is None


def test_names_count_from_where_the_images_lie(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    listed = [
        {"id": number, "file_name": f"{place}/1.jpg", "width": 4, "height": 3} for number, place in ((7, "a"), (8, "b"))
    ]
    annotations = write(tmp_path / "images.json", {"images": listed})
    file = DetectionFile(write(tmp_path / "boxes.json", [detection(7)]), [Path("1.jpg")], annotations=annotations)

    assert file.image_id(Path("1.jpg")) == 7

import errno
import json
import logging
import os

import pytest

from evopose2d.data.download.dataset import prepare_dataset
from evopose2d.errors import ConfigError, DataError

FIVE = ("head", "left_hand", "right_hand", "left_foot", "right_foot")
VAL = "annotations/person_keypoints_val2017.json"
TRAIN = "annotations/person_keypoints_train2017.json"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "coco"


@pytest.fixture
def prepare(root, make):
    def call(source, **download):
        return prepare_dataset(make.dataset_config(root, str(source)), make.download_config(**download))

    return call


def edit(path, change):
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data))


def test_five_keypoints_are_taken_and_images_linked(prepare, root, own_folder):
    source = own_folder(FIVE)
    summary = prepare(source)
    assert {split.name: split.images for split in summary.splits} == {"train": 3, "val": 2}
    data = json.loads((root / VAL).read_bytes())
    assert data["categories"][0]["keypoints"] == list(FIVE)
    assert data == json.loads((source / VAL).read_bytes())
    name = "val2017/000000000011.jpg"
    assert (root / name).samefile(source / name)


def test_images_are_copied_where_they_cannot_be_linked(prepare, root, own_folder, monkeypatch):
    def refuse(*paths):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    source = own_folder()
    prepare(source)
    name = "val2017/000000000011.jpg"
    assert (root / name).read_bytes() == (source / name).read_bytes()
    assert not (root / name).samefile(source / name)
    assert not list(root.rglob("*.part"))


def test_a_second_call_does_nothing_and_a_change_rebuilds(prepare, root, own_folder, make):
    source = own_folder()
    prepare(source)
    written = (root / "dataset.json").stat().st_mtime_ns
    prepare(source)
    assert (root / "dataset.json").stat().st_mtime_ns == written
    edit(source / VAL, lambda data: data["images"].pop())
    edit(source / VAL, lambda data: data["annotations"].pop())
    assert prepare(source).splits[1].images == 1
    assert len(list((root / "val2017").iterdir())) == 1


def test_missing_images_are_counted_and_found_when_they_come(prepare, own_folder, make, caplog):
    source = own_folder()
    image = source / "train2017" / "000000000002.jpg"
    contents = image.read_bytes()
    image.unlink()
    with caplog.at_level(logging.WARNING):
        assert prepare(source).splits[0].missing_images == 1
    assert "1 of 3 images are missing" in caplog.text
    make.write(image, contents)
    assert prepare(source).splits[0].missing_images == 0


def test_images_may_lie_in_folders_of_their_own(prepare, root, own_folder):
    source = own_folder()
    (source / "val2017" / "left").mkdir()
    (source / "val2017" / "000000000011.jpg").rename(source / "val2017" / "left" / "a.png")
    edit(source / VAL, lambda data: data["images"][0].update(file_name="left/a.png"))
    assert prepare(source).splits[1].missing_images == 0
    assert (root / "val2017" / "left" / "a.png").exists()


@pytest.mark.parametrize("missing", [TRAIN, VAL])
def test_one_split_is_enough(prepare, own_folder, missing):
    source = own_folder()
    (source / missing).unlink()
    assert len(prepare(source).splits) == 1


def test_test_dev_and_detections_are_taken_too(prepare, root, own_folder, make):
    source = own_folder()
    info = make.annotations("test2017", range(21, 23))
    make.write(source / "annotations" / "image_info_test-dev2017.json", make.as_json({"images": info["images"]}))
    make.write(source / "test2017" / "000000000021.jpg", make.jpeg(21))
    found = {
        split: [{"image_id": i, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
        for split, i in {"val2017": 11, "test-dev2017": 21}.items()
    }
    for split, detections in found.items():
        make.write(source / f"detections/person_detections_{split}.json", make.as_json(detections))
    assert prepare(source).splits[2].missing_images == 1
    for split, detections in found.items():
        assert json.loads((root / f"detections/person_detections_{split}.json").read_bytes()) == detections


def test_detections_of_the_key_go_before_those_of_the_folder(prepare, root, own_folder, tmp_path, make):
    source = own_folder()
    place = "detections/person_detections_val2017.json"
    mine, other = ([{"image_id": 11, "category_id": 1, "bbox": [1, 2, 3, 4], "score": score}] for score in (0.5, 0.25))
    make.write(source / place, make.as_json(mine))
    make.write(tmp_path / "other.json", make.as_json(other))
    prepare(source, detections=str(tmp_path / "other.json"))
    assert json.loads((root / place).read_bytes()) == other
    prepare(source)
    assert json.loads((root / place).read_bytes()) == mine


def test_other_categories_are_left_out_and_missing_fields_added(prepare, root, own_folder):
    source = own_folder()

    def change(data):
        data["categories"].insert(0, {"id": 7, "name": "dog"})
        data["categories"].append({"id": 8, "name": "horse", "keypoints": ["nose"], "skeleton": []})
        data["annotations"].append({"id": 900, "image_id": 11, "category_id": 7})
        for key in ("area", "iscrowd", "num_keypoints"):
            del data["annotations"][0][key]

    edit(source / VAL, change)
    prepare(source)
    data = json.loads((root / VAL).read_bytes())
    assert [category["name"] for category in data["categories"]] == ["person"]
    assert [person["id"] for person in data["annotations"]] == [111, 112]
    added = data["annotations"][0]
    assert (added["area"], added["iscrowd"], added["num_keypoints"]) == (40.5 * 40.0, 0, 17)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("images"), "images must be a list of objects"),
        (lambda data: data.update(annotations={}), "annotations must be a list of objects"),
        (lambda data: data.pop("categories"), "categories must be a list of objects"),
        (lambda data: data["categories"][0].pop("keypoints"), "categories with keypoints: none"),
        (
            lambda data: data.update(categories=[data["categories"][0] | {"name": name} for name in ("cat", "dog")]),
            "categories with keypoints: 'cat', 'dog'",
        ),
        (
            lambda data: data["categories"][0].update(skeleton=[[0, 1]]),
            "skeleton must join keypoints 1 to 17",
        ),
        (
            lambda data: data["images"][0].update(file_name="../../x.jpg"),
            r"image 11: file_name '\.\./\.\./x\.jpg'",
        ),
        (lambda data: data["images"][0].update(file_name="/etc/passwd"), "image 11: file_name '/etc/passwd'"),
        (lambda data: data["images"][0].update(width=0), r"image 11: width and height .* got \[0, 48\]"),
        (lambda data: data["images"][0].update(id=12), "images: got id 12, must be distinct"),
        (lambda data: data["images"][0].update(id="a"), "images: got id 'a'"),
        (lambda data: data["annotations"][0].update(id=0), "annotations: got id 0, must be .* from 1 on"),
        (lambda data: data["annotations"][0].update(image_id=5), "annotation 111: image_id 5 is no image"),
        (
            lambda data: data["annotations"][0].update(bbox=[1, 2, 3]),
            "annotation 111: bbox must be 4 numbers",
        ),
        (
            lambda data: data["annotations"][0].update(bbox=[1, 2, 3, float("nan")]),
            "annotation 111: bbox must be 4 numbers",
        ),
        (lambda data: data["annotations"][0]["keypoints"].pop(), "annotation 111: keypoints must be 51"),
        (
            lambda data: data["annotations"][0]["keypoints"].__setitem__(2, 3),
            "annotation 111: keypoints: each third number",
        ),
    ],
)
def test_mistakes_are_one_line_with_file_and_entry(prepare, root, own_folder, make, change, message):
    source = own_folder()
    edit(source / VAL, change)
    with pytest.raises(DataError, match=message) as caught:
        prepare(source)
    assert str(caught.value).startswith(str(source / VAL))
    assert "\n" not in str(caught.value)
    assert not root.exists()


@pytest.mark.parametrize("contents", [b"", b"[]", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_annotation_file_is_one_line(prepare, own_folder, contents):
    source = own_folder()
    (source / TRAIN).write_bytes(contents)
    with pytest.raises(DataError) as caught:
        prepare(source)
    assert str(caught.value).startswith(str(source / TRAIN))
    assert "\n" not in str(caught.value)


def test_splits_must_have_the_same_keypoints(prepare, own_folder, make):
    source, other = own_folder(), own_folder(FIVE, "other")
    (source / VAL).write_bytes((other / VAL).read_bytes())
    with pytest.raises(DataError, match=r"person_keypoints_val2017\.json: keypoints .* must be those of"):
        prepare(source)


def test_a_folder_without_annotations_is_one_line(prepare, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"person_keypoints_train2017\.json or annotations/person"):
        prepare(tmp_path / "empty")


def test_source_and_root_must_not_be_one_or_inside_each_other(own_folder, make):
    source = own_folder()
    before = make.contents_below(source)
    for root in (source, source.parent):
        with pytest.raises(ConfigError, match="lies in"):
            prepare_dataset(make.dataset_config(root, str(source)), make.download_config())
    assert make.contents_below(source) == before


def test_the_coco_sample_is_taken(prepare, root, coco_sample):
    splits = prepare(coco_sample).splits
    assert splits[0].missing_images == splits[1].missing_images == 0
    assert (root / "detections" / "person_detections_val2017.json").exists()

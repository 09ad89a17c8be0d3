import errno
import json
import logging
import os

import pytest

from evopose2d.data import coco
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
    given = json.loads((source / VAL).read_bytes())
    for image in given["images"]:
        del image["coco_url"]  # nobody reads it
    assert data == given
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
    with caplog.at_level(logging.WARNING, "evopose2d"):
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


def test_val_alone_is_enough_and_train_alone_is_divided(prepare, own_folder):
    source = own_folder()
    (source / TRAIN).rename(source / "train.json")
    assert [split.name for split in prepare(source).splits] == ["val"]
    (source / VAL).unlink()
    (source / "train.json").rename(source / TRAIN)
    splits = {split.name: split.labelled_people for split in prepare(source).splits}
    assert splits == {"train": 1, "val": 1}


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
        (lambda data: data.pop("images"), "no COCO annotation file, it must be a JSON object with a list 'images'"),
        (lambda data: data.update(annotations={}), "annotations must be a list of objects"),
        (lambda data: data["categories"][0].pop("keypoints"), "categories with keypoints: none"),
        (lambda data: data["images"][0].update(id=[]), r"image 0: id must be a whole number or a name, got \[\]"),
        (lambda data: data["annotations"][0].update(image_id=5), "annotation 111: image_id 5 is no image"),
        (lambda data: data["annotations"][0]["keypoints"].pop(), "annotation 111: keypoints must be 51"),
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


def test_repairs_are_counted_told_and_written(prepare, root, own_folder, caplog):
    source = own_folder()

    def change(data):
        data["annotations"][0].update(area=0, bbox=[4, 4, 0, 40])
        data["annotations"][1].update(category_id=77)

    edit(source / VAL, change)
    summary = prepare(source)
    val = {split.name: split for split in summary.splits}["val"]
    assert (val.people, val.repaired, val.left_out) == (1, 2, 1)
    (person,) = json.loads((root / VAL).read_bytes())["annotations"]
    assert person["area"] == pytest.approx(person["bbox"][2] * person["bbox"][3])
    assert "left out: category_id 77 is none of the file's categories (1: annotation 112)" in caplog.text
    report = json.loads((root / "annotations/import.json").read_bytes())
    assert report["val"]["left_out"] == {"category_id 77 is none of the file's categories": 1}
    assert coco.read_coco(root / VAL).findings.repaired == {}


def test_nobody_left_is_an_error_with_the_reasons(prepare, own_folder):
    source = own_folder()
    edit(source / VAL, lambda data: [person.update(category_id=9) for person in data["annotations"]])
    with pytest.raises(DataError, match=r"all annotations are left out \(2: category_id 9 is none of the file's"):
        prepare(source)


@pytest.mark.parametrize(
    "written",
    [
        "images/train2017/{}",
        "train2017/{}",
        "./{}",
        "images\\train2017\\{}",
        "C:\\data\\{}",
        "/data/images/{}",
        "../../upload/1/{}",
        "{}?",
    ],
)
def test_names_with_folders_of_other_machines_are_understood(prepare, root, own_folder, written):
    source = own_folder()
    name = "000000000002.jpg"
    wanted = written.replace("?", "").format(name).removesuffix(".jpg" if written.endswith("?") else "")
    edit(source / TRAIN, lambda data: data["images"][1].update(file_name=wanted))
    assert prepare(source).splits[0].missing_images == 0
    assert json.loads((root / TRAIN).read_bytes())["images"][1]["file_name"] == name
    assert (root / "train2017" / name).samefile(source / "train2017" / name)


def test_a_name_never_leads_out_of_the_folder_or_to_another_image(prepare, root, own_folder, make):
    source = own_folder()
    make.write(source.parent / "secret.jpg", make.jpeg(1))
    for camera in ("a", "b"):
        make.write(source / "val2017" / camera / "1.jpg", make.jpeg(1))
    edit(source / VAL, lambda data: data["images"][0].update(file_name="../../secret.jpg"))
    assert prepare(source).splits[1].missing_images == 1
    edit(source / VAL, lambda data: data["images"][0].update(file_name="c/1.jpg"))
    assert prepare(source).splits[1].missing_images == 1
    edit(source / VAL, lambda data: data["images"][0].update(file_name="1.jpg"))
    assert prepare(source).splits[1].missing_images == 1
    edit(source / VAL, lambda data: data["images"][0].update(file_name="b/1.jpg"))
    assert prepare(source).splits[1].missing_images == 0


def test_images_may_lie_anywhere_below_the_folder(prepare, root, own_folder):
    source = own_folder()
    (source / "photos").mkdir()
    (source / "val2017").rename(source / "photos" / "day 2")
    assert prepare(source).splits[1].missing_images == 0
    assert (root / "val2017/photos/day 2/000000000011.jpg").exists()


def test_all_images_missing_is_an_error_with_a_name_that_was_sought_and_one_that_is_there(prepare, root, own_folder):
    source = own_folder()
    edit(source / VAL, lambda data: [image.update(file_name=f"x{image['id']}.jpg") for image in data["images"]])
    with pytest.raises(DataError) as caught:
        prepare(source)
    message = str(caught.value)
    assert message.startswith(f"{source / VAL}: all of 2 images are missing: 'x11.jpg' was sought below {source}; ")
    assert f"an image that is there: {source / 'val2017'}" in message
    assert not root.exists()


def test_sizes_that_are_missing_are_read_from_the_images(prepare, root, own_folder):
    source = own_folder()
    edit(source / VAL, lambda data: [image.pop("width") for image in data["images"]])
    prepare(source)
    images = json.loads((root / VAL).read_bytes())["images"]
    assert [(image["width"], image["height"]) for image in images] == [(64, 48)] * 2


def test_ids_that_are_texts_are_renumbered_for_detections_too(prepare, root, own_folder, make):
    source = own_folder()

    def change(data):
        for entry in data["images"]:
            entry["id"] = f"img{entry['id']}"
        for entry in data["annotations"]:
            entry["image_id"] = f"img{entry['image_id']}"

    edit(source / VAL, change)
    found = [{"image_id": "img12", "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]
    make.write(source / "detections/person_detections_val2017.json", make.as_json(found))
    prepare(source)
    data = json.loads((root / VAL).read_bytes())
    assert [image["id"] for image in data["images"]] == [1, 2]
    (detection,) = json.loads((root / "detections/person_detections_val2017.json").read_bytes())
    assert (detection["image_id"], detection["category_id"]) == (2, 1)


def test_keypoints_of_splits_may_be_spelled_and_joined_differently(prepare, root, own_folder):
    source = own_folder()

    def change(data):
        (category,) = data["categories"]
        category["keypoints"] = [name.replace("_", " ").title() for name in category["keypoints"]]
        category["skeleton"] = [[0, 16]]

    edit(source / VAL, change)
    prepare(source)
    train, val = (json.loads((root / name).read_bytes())["categories"][0] for name in (TRAIN, VAL))
    assert val["keypoints"] == train["keypoints"] and val["skeleton"] == train["skeleton"]


def test_a_source_that_does_not_exist_is_said_with_the_path_that_was_looked_for(prepare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"got 'own': {tmp_path}/own does not exist"):
        prepare("own")
    (tmp_path / "own").write_text("")
    with pytest.raises(ConfigError, match=rf"got 'own': {tmp_path}/own is a file \(name its folder;"):
        prepare("own")


def test_splits_must_have_the_same_keypoints(prepare, own_folder, make):
    source, other = own_folder(), own_folder(FIVE, "other")
    (source / VAL).write_bytes((other / VAL).read_bytes())
    with pytest.raises(DataError, match=r"person_keypoints_val2017\.json: keypoints .* must be those of"):
        prepare(source)


def test_a_folder_without_annotations_is_one_line(prepare, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"empty: holds no labels in a known format \(coco, yolo, deeplabcut, .*coco-export\)"
    ):
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

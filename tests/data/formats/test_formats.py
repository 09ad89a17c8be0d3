"""Small exports of labelling tools, each drawn here as the tool writes it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.data.samples import HEIGHT, WIDTH, draw

from evopose2d.config.schema import SplitConfig
from evopose2d.data.coco import read_coco
from evopose2d.data.download.folder import source_digest
from evopose2d.data.formats import FORMATS, format_of
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import schema_from_category

NAMES = ["head", "left_hand", "right_hand"]
POINTS = [[60.0, 20.0, 2], [40.0, 50.0, 2], [80.0, 50.0, 1]]
BOX = [30.0, 10.0, 60.0, 60.0]
VAL = "annotations/person_keypoints_val2017.json"
TRAIN = "annotations/person_keypoints_train2017.json"


def write(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def coco_content(names, first_id=1, **category):
    images = [{"id": first_id + i, "file_name": name, "width": WIDTH, "height": HEIGHT} for i, name in enumerate(names)]
    people = [
        {"id": first_id + i, "image_id": first_id + i, "category_id": 1, "bbox": BOX, "area": 900, "iscrowd": 0,
         "keypoints": np.ravel(POINTS).tolist(), "num_keypoints": 3}
        for i in range(len(names))
    ]  # fmt: skip
    categories = [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [], **category}]
    return {"images": images, "annotations": people, "categories": categories}


def make_cvat(folder: Path) -> None:
    names = [f"{i}.jpg" for i in range(10)]
    for i, name in enumerate(names):
        draw(folder / "images/default" / name, i)
    write(folder / "annotations/person_keypoints_default.json", coco_content(names))


def make_label_studio(folder: Path) -> None:
    names = [f"upload/1/Foto größe {i}.jpg" for i in range(10)]
    for i, name in enumerate(names):
        draw(folder / "images" / Path(name).name, i)
    content = coco_content(names, first_id=0, name="default")
    content["categories"].insert(0, {"id": 0, "name": "Person"})
    for person in content["annotations"]:
        del person["area"], person["num_keypoints"]
    write(folder / "result.json", content)


def make_roboflow(folder: Path) -> None:
    for split, count in (("train", 8), ("valid", 2), ("test", 1)):
        names = [f"{split}{i}_jpg.rf.0123.jpg" for i in range(count)]
        for i, name in enumerate(names):
            draw(folder / split / name, i)
        write(folder / split / "_annotations.coco.json", coco_content(names, first_id=0))


def make_labelme(folder: Path) -> None:
    for i in range(10):
        draw(folder / f"{i}.jpg", i)
        points = [
            {"label": name, "shape_type": "point", "group_id": 7, "flags": {"occluded": v == 1}, "points": [[x, y]]}
            for name, (x, y, v) in zip(NAMES, POINTS, strict=True)
        ]
        box = {"label": "person", "shape_type": "rectangle", "group_id": 7, "points": [[90, 70], [30, 10]]}
        size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
        content = {"version": "5.4.1", "imagePath": f"{i}.jpg", "imageData": None, "shapes": [box, *points], **size}
        write(folder / f"{i}.json", content)


def make_yolo(folder: Path) -> None:
    for split, count in (("train", 8), ("val", 2)):
        for i in range(count):
            draw(folder / f"images/{split}/{i}.jpg", i)
            row = [0, (BOX[0] + BOX[2] / 2) / WIDTH, (BOX[1] + BOX[3] / 2) / HEIGHT, BOX[2] / WIDTH, BOX[3] / HEIGHT]
            row += [value for x, y, v in POINTS for value in (x / WIDTH, y / HEIGHT, v)]
            write(folder / f"labels/{split}/{i}.txt", " ".join(map(str, row)) + "\n")
    described = "path: ../elsewhere\ntrain: images/train\nval: images/val\nkpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\n"
    write(folder / "data.yaml", described + "names:\n  0: fox\n")


MAKERS = {
    "cvat": (make_cvat, "coco-export", NAMES),
    "label-studio": (make_label_studio, "coco-export", NAMES),
    "roboflow": (make_roboflow, "coco-export", NAMES),
    "labelme": (make_labelme, "labelme", NAMES),
    "yolo": (make_yolo, "yolo", ["point_0", "left_1_2", "right_1_2"]),
}


@pytest.mark.parametrize("tool", MAKERS)
def test_an_export_becomes_a_dataset_in_cocos_layout(tmp_path, prepare, tool):
    make, name, keypoints = MAKERS[tool]
    make(tmp_path / "own")
    assert format_of(tmp_path / "own").name == name
    splits = prepare(tmp_path / "own")
    assert {name: (split.images, split.missing_images, split.labelled_people) for name, split in splits.items()} == {
        "train": (8, 0, 8),
        "val": (2, 0, 2),
    }
    seen = set()
    for path in (TRAIN, VAL):
        coco = read_coco(tmp_path / "root" / path)
        assert coco.category["keypoints"] == keypoints
        for person in coco.people:
            np.testing.assert_allclose(person.keypoints, POINTS, atol=1e-6)
            np.testing.assert_allclose(person.box, BOX, atol=1e-6)
            assert tool not in ("yolo", "labelme") or person.area == pytest.approx(BOX[2] * BOX[3])
        seen |= {image.file_name for image in coco.images.values()}
    assert len(seen) == (10 if tool != "yolo" else 8)


def test_a_source_is_divided_by_its_seed_and_near_duplicates_are_on_one_side(tmp_path, prepare, caplog):
    make_cvat(tmp_path / "own")
    for i in range(0, 10, 2):  # each second image is the one before it, a little brighter
        image = cv2.imread(str(tmp_path / f"own/images/default/{i}.jpg"))
        cv2.imwrite(
            str(tmp_path / f"own/images/default/{i + 1}.jpg"), np.clip(image * 1.02 + 3, 0, 255).astype(np.uint8)
        )

    def val(seed: int) -> list[str]:
        prepare(tmp_path / "own", split=SplitConfig(val=0.4, seed=seed))
        coco = read_coco(tmp_path / "root" / VAL)
        return sorted(Path(image.file_name).stem for image in coco.images.values())

    chosen = val(1)
    assert len(chosen) == 4 and val(1) == chosen
    assert (
        "4 of 10 labelled images are val (dataset.split); those that look alike are on one side (5 groups)"
        in caplog.text
    )
    assert all(int(name) ^ 1 in map(int, chosen) for name in chosen)
    assert any(val(seed) != chosen for seed in range(2, 6))


def test_images_of_a_camera_that_stands_still_are_divided_one_by_one(tmp_path, prepare, caplog):
    make_cvat(tmp_path / "own")
    for i in range(10):
        draw(tmp_path / f"own/images/default/{i}.jpg", 0)
    assert prepare(tmp_path / "own")["val"].images == 2
    assert "nearly all look alike" in caplog.text


def test_one_image_cannot_be_divided(tmp_path, prepare):
    draw(tmp_path / "own/0.jpg", 0)
    write(tmp_path / "own/labels.json", coco_content(["0.jpg"]))
    with pytest.raises(DataError, match=r"labels.json: 1 images with labelled people cannot be divided"):
        prepare(tmp_path / "own")


def test_a_category_is_chosen_by_name_or_id(tmp_path, prepare):
    make_roboflow(tmp_path / "own")
    for split in ("train", "valid"):
        path = tmp_path / f"own/{split}/_annotations.coco.json"
        content = json.loads(path.read_text())
        content["categories"].append({"id": 2, "name": "fox", "keypoints": ["nose", "tail"]})
        content["annotations"][0] |= {"category_id": 2, "keypoints": [50, 50, 2, 60, 60, 2]}
        path.write_text(json.dumps(content))
    assert prepare(tmp_path / "own")["train"].people == 7
    assert prepare(tmp_path / "own", category="fox")["train"].people == 1
    assert prepare(tmp_path / "own", category="2")["val"].people == 1
    with pytest.raises(ConfigError, match=r"dataset.category: got 'cat', must be one of .*: 'person', 'fox'"):
        prepare(tmp_path / "own", category="cat")


def test_boxes_are_drawn_around_keypoints_where_that_is_asked(tmp_path, prepare):
    make_roboflow(tmp_path / "own")
    prepare(tmp_path / "own", box_from="keypoints")
    # The keypoints span 40 x 30 pixels; an eighth of 40 is added on each side.
    assert {person.box for person in read_coco(tmp_path / "root" / TRAIN).people} == {(35.0, 15.0, 50.0, 40.0)}


@pytest.mark.parametrize("tool", MAKERS)
def test_the_digest_of_a_source_sees_a_corrected_label(tmp_path, tool):
    MAKERS[tool][0](tmp_path / "own")
    before = source_digest(tmp_path / "own")
    assert source_digest(tmp_path / "own") == before
    path = next(path for path in sorted((tmp_path / "own").rglob("*")) if path.suffix in (".json", ".txt"))
    path.write_text(path.read_text().replace("5", "6", 1))
    assert source_digest(tmp_path / "own") != before


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("labels/train/0.txt", "0 ", "", r"labels/train/0.txt: line 1: must be 14 numbers \(class, box, 3 keypoints\)"),
        ("labels/train/0.txt", "0 ", "x ", "line 1: must be 14 numbers"),
        (
            "data.yaml",
            "[3, 3]",
            "[3, 4]",
            r"data.yaml: kpt_shape must be \[number of keypoints, 2 or 3\], got \[3, 4\]",
        ),
        ("data.yaml", "[0, 2, 1]", "[0, 2, 2]", r"flip_idx must be 3 indices from 0, .* got \[0, 2, 2\]"),
        ("data.yaml", "names:", "names: [", "is no YAML file"),
        ("data.yaml", "images/train", "nowhere", "data.yaml: train: got 'nowhere': no such folder or list below"),
    ],
)
def test_mistakes_in_yolo_files_are_one_line(tmp_path, prepare, file, old, new, message):
    make_yolo(tmp_path / "own")
    path = tmp_path / "own" / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        prepare(tmp_path / "own")
    assert "\n" not in str(caught.value)


def test_images_of_yolo_may_be_listed_in_a_file(tmp_path, prepare):
    make_yolo(tmp_path / "own")
    path = tmp_path / "own/data.yaml"
    path.write_text(path.read_text().replace("images/train", "train.txt"))
    listed = [f"data/images/train/{i}.jpg" for i in range(6)]
    write(tmp_path / "own/train.txt", "\n".join(listed) + "\n\n")
    assert prepare(tmp_path / "own")["train"].labelled_people == 6

    write(tmp_path / "own/train.txt", "\n".join([*listed, "images/train/gone.jpg"]))
    with pytest.raises(DataError, match=r"train.txt: 1 of 7 images are not below .*own, such as images/train/gone.jpg"):
        prepare(tmp_path / "own")


def test_folders_of_yolo_may_be_several_and_lie_beside_its_file_alone(tmp_path, prepare):
    make_yolo(tmp_path / "own")
    for kind in ("images", "labels"):
        (tmp_path / "own/train").mkdir(exist_ok=True)
        (tmp_path / f"own/{kind}/train").rename(tmp_path / f"own/train/{kind}")
    draw(tmp_path / "train/images/another.jpg", 99)  # where ../train/images leads, and no part of the source
    path = tmp_path / "own/data.yaml"
    path.write_text(path.read_text().replace("images/train", "../train/images").replace("path: ../elsewhere\n", ""))
    assert prepare(tmp_path / "own")["train"].labelled_people == 8

    path.write_text(path.read_text().replace("train: ../train/images", "train: [train/images, images/val]"))
    assert prepare(tmp_path / "own")["train"].labelled_people == 10


def test_test_images_of_yolo_are_val_where_there_is_none_and_may_be_missing(tmp_path, prepare):
    make_yolo(tmp_path / "own")
    path = tmp_path / "own/data.yaml"
    path.write_text(path.read_text().replace("val: images/val", "val:\ntest: images/val"))
    assert {name: split.people for name, split in prepare(tmp_path / "own").items()} == {"train": 8, "val": 2}
    path.write_text(path.read_text().replace("test: images/val", "test: ../test/images"))
    assert {name: split.images for name, split in prepare(tmp_path / "own").items()} == {"train": 6, "val": 2}


@pytest.mark.parametrize(
    ("flips", "pairs", "permutation"),
    [
        ("flip_idx: [1, 0, 2]\n", [["stem", "petal"]], (1, 0, 2)),
        ("", None, (0, 1, 2)),
        ("flip_idx: [0, 1, 2]\n", [], (0, 1, 2)),
    ],
)
def test_mirror_pairs_of_named_keypoints_are_yolos(tmp_path, prepare, caplog, flips, pairs, permutation):
    make_yolo(tmp_path / "own")
    path = tmp_path / "own/data.yaml"
    named = path.read_text().replace("flip_idx: [0, 2, 1]\n", f"{flips}kpt_names:\n  0: [stem, petal, leaf]\n")
    path.write_text(named)
    prepare(tmp_path / "own")
    for split in (TRAIN, VAL):
        category = read_coco(tmp_path / "root" / split).category
        assert category.get("flip_pairs") == pairs
        assert schema_from_category(category).flip_permutation == permutation
    warned = "0 mirror pairs are known from the keypoints' names: none; without one, and the same in a mirror: stem"
    assert (warned in caplog.text) == (pairs is None)


def test_a_point_that_stands_twice_for_one_person_is_told(tmp_path, prepare):
    make_labelme(tmp_path / "own")
    path = tmp_path / "own/0.json"
    content = json.loads(path.read_text())
    content["shapes"].append(content["shapes"][1])
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"0.json: 'head' stands there twice for one person"):
        prepare(tmp_path / "own")


def test_a_tools_own_form_is_no_coco_file(tmp_path, prepare):
    draw(tmp_path / "own/0.jpg", 0)
    write(tmp_path / "own/project-1.json", [{"id": 1, "annotations": [], "data": {"img": "0.jpg"}}])
    with pytest.raises(
        DataError, match=r"project-1.json: is no COCO file, which is an object with images, annotations"
    ):
        prepare(tmp_path / "own")


def test_a_polygon_is_a_persons_outline(tmp_path, prepare):
    make_labelme(tmp_path / "own")
    for path in (tmp_path / "own").glob("*.json"):
        content = json.loads(path.read_text())
        content["shapes"][0] |= {"shape_type": "polygon", "points": [[30, 10], [90, 10], [90, 70]]}
        path.write_text(json.dumps(content))
    prepare(tmp_path / "own")
    person = read_coco(tmp_path / "root" / VAL).people[0]
    assert (list(person.box), person.area) == (BOX, 60 * 60 / 2)


def test_a_format_may_be_named(tmp_path):
    assert format_of(tmp_path, "labelme").name == "labelme"
    with pytest.raises(
        ConfigError, match=r"dataset.format: got 'xml', must be null or one of coco, yolo, deeplabcut, sleap, labelme"
    ):
        format_of(tmp_path, "xml")
    assert len({each.name for each in FORMATS}) == len(FORMATS)

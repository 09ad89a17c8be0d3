"""Sets with one planted fault each: what the survey says of them, and what mending makes of them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evopose2d.config.loading import load_params
from evopose2d.data.coco import read_coco
from evopose2d.errors import DataError
from evopose2d.survey.dataset import read_splits
from evopose2d.survey.mending import mend
from evopose2d.survey.report import write_report
from evopose2d.survey.suspicions import suspicions

TRAIN = "annotations/person_keypoints_train2017.json"
NAMES = ["nose", "left_hand", "right_hand", "left_foot", "right_foot", "left_hip", "right_hip"]
POSE = [[50, 20, 2], [70, 40, 2], [30, 40, 1], [65, 70, 2], [35, 70, 2], [60, 50, 2], [40, 50, 2]]
BOX = [25, 15, 50, 60]
WIDTH, HEIGHT = 120, 80


def make_set(root: Path, *, people: int = 24, orientation: int = 1) -> dict:
    (root / "train2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, annotations = [], []
    for number in range(1, people + 1):
        pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(root / f"train2017/{number}.jpg", exif=exif)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": WIDTH, "height": HEIGHT})
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": BOX, "area": 900, "iscrowd": 0,
             "keypoints": np.ravel(POSE).tolist(), "num_keypoints": 7}
        )  # fmt: skip
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a", "keypoints": NAMES}]}


def save(root: Path, content: dict) -> None:
    (root / TRAIN).write_text(json.dumps(content))


@pytest.fixture
def dataset(tmp_path: Path, project_root: Path):
    return load_params(project_root / "params.yaml", [f"dataset.root={tmp_path / 'set'}"]).dataset


def _set(changes: dict):
    def change(content, root):
        content["annotations"][2] |= changes

    return change


def _exchange_hands(content, root):
    pose = [POSE[0], POSE[2], POSE[1], *POSE[3:]]
    content["annotations"][2]["keypoints"] = np.ravel(pose).tolist()


def _twice(content, root):
    content["annotations"].append(content["annotations"][2] | {"id": 99})


def _other_size(content, root):
    content["images"][2] |= {"width": 100, "height": 90}


def _same_file(content, root):
    (root / "train2017/3.jpg").write_bytes((root / "train2017/1.jpg").read_bytes())


def _no_file(content, root):
    (root / "train2017/3.jpg").unlink()


def _moved(*points):
    return {"keypoints": np.ravel([*points, *POSE[len(points) :]]).tolist()}


_FAULTS = [
    (_set({"bbox": [25, 15, 50, 80]}), "box reaches beyond the image", 3, "by 15 pixels"),
    (_set(_moved([130, 20, 2])), "keypoints outside the image", 3, "nose"),
    (_set(_moved([110, 20, 2])), "keypoints far outside their box", 3, "nose"),
    (_set(_moved([70, 40, 2])), "keypoints in one place", 3, "nose, left_hand"),
    (_exchange_hands, "left and right exchanged, beside the others", 3, "left_hand / right_hand"),
    (_twice, "person annotated twice", 99, "as annotation 3"),
    (_other_size, "size differs from the file's", None, "is 120 x 80 pixels, labelled as 100 x 90"),
    (_same_file, "image is there twice", None, "the same as .*/1.jpg"),
    (_no_file, "image missing or unreadable", None, ""),
]


@pytest.mark.parametrize(("fault", "kind", "annotation", "detail"), _FAULTS, ids=[kind for _, kind, _, _ in _FAULTS])
def test_fault_is_told_with_file_and_annotation(dataset, fault, kind, annotation, detail):
    root = Path(dataset.root)
    content = make_set(root)
    save(root, content)
    assert suspicions(read_splits(dataset)) == []
    fault(content, root)
    save(root, content)

    found = suspicions(read_splits(dataset))

    assert {(each.kind, Path(each.file).name) for each in found} == {(kind, "3.jpg")}
    assert found[0].annotation == annotation and re.fullmatch(detail, found[0].detail)


def test_photographs_stored_turned_are_told(dataset):
    save(Path(dataset.root), make_set(Path(dataset.root), orientation=6))

    found = suspicions(read_splits(dataset))

    assert len(found) == 24
    assert "pixels as stored" in found[0].detail  # 120 x 80 is the size of the pixels, upright it is 80 x 120


def test_report_is_a_page_and_json(dataset, tmp_path):
    root = Path(dataset.root)
    content = make_set(root)
    content["categories"][0]["keypoints"] = ["<b>nose</b>", *NAMES[1:]]
    content["images"].append({"id": 50, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT})
    _twice(content, root)
    save(root, content)

    write_report(read_splits(dataset), dataset, tmp_path / "report", pictures=3)

    figures = json.loads((tmp_path / "report/dataset.json").read_text())
    (split,) = figures["splits"]
    assert (split["images"], split["images_without_people"], split["people"]) == (25, 1, 25)
    assert split["keypoints"][2] == {"name": "right_hand", "visible": 0, "hidden": 25, "unlabelled": 0}
    assert figures["suspicions"][0]["annotation"] == 99
    page = (tmp_path / "report/dataset.html").read_text()
    assert page.count("<figure>") == 3
    assert "&lt;b&gt;nose" in page and "<b>nose" not in page
    assert "annotation 99: person annotated twice: as annotation 3" in page


def test_mended_copy_has_what_needs_no_guessing(dataset, tmp_path):
    root = Path(dataset.root)
    content = make_set(root)
    _twice(content, root)
    content["images"][0] |= {"width": 200, "height": 90}
    content["annotations"][1] |= {"bbox": [25, 15, 50, 80], **_moved([130, 20, 2])}
    (root / "train2017/5.jpg").unlink()
    save(root, content)
    before = (root / TRAIN).read_text()

    done = mend(read_splits(dataset), tmp_path / "fixed")

    assert sorted(done.values()) == [1, 1, 1, 1, 1]
    mended = read_coco(tmp_path / "fixed" / TRAIN)
    assert 5 not in mended.images and mended.images[1].size == (WIDTH, HEIGHT)
    people = {person.annotation_id: person for person in mended.people}
    assert set(people) == set(range(1, 25)) - {5}
    assert people[2].box == (25, 15, 50, 65)
    assert people[2].keypoints[0].tolist() == [0, 0, 0] and people[2].labelled == 6
    assert people[1].keypoints.tolist() == POSE
    assert (tmp_path / "fixed/train2017/1.jpg").samefile(root / "train2017/1.jpg")
    assert (root / TRAIN).read_text() == before
    with pytest.raises(DataError, match=r"--fixed: .*fixed is there already"):
        mend(read_splits(dataset), tmp_path / "fixed")


def test_no_dataset_is_told_with_what_makes_one(dataset):
    with pytest.raises(DataError, match=r"dataset\.root: .*set holds no dataset; `evopose2d download` or `import`"):
        read_splits(dataset)

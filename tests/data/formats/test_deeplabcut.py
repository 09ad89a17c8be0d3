"""DeepLabCut projects, each drawn here as the tool writes it."""

import numpy as np
import pytest
from tests.data.samples import draw

from evopose2d.data.coco import read_coco
from evopose2d.data.formats import format_of
from evopose2d.errors import DataError

TRAIN = "annotations/person_keypoints_train2017.json"
VAL = "annotations/person_keypoints_val2017.json"
CONFIG = "Task: reach\nskeleton:\n- [snout, leftear]\n- [snout, tail]\n- [snout, gone]\n"


def read_all(root):
    """Return (image file, keypoints) of everybody, and the category."""
    files = [read_coco(root / name) for name in (TRAIN, VAL)]
    people = [(file.images[person.image_id].file_name, person.keypoints) for file in files for person in file.people]
    return sorted(people, key=lambda person: person[0]), files[0].category


def make_single(folder, video="mouse day 1", frames=5, *, three_columns=False):
    """Write one folder of frames: the second frame has no tail, the third no label at all."""
    pad = ["", ""] if three_columns else []
    parts = ["snout", "leftear", "rightear", "tail"]
    header = [
        ["scorer", *pad, *["Ada"] * 8],
        ["bodyparts", *pad, *[part for part in parts for _ in "xy"]],
        ["coords", *pad, *"xyxyxyxy"],
    ]
    rows = []
    for frame in range(frames):
        name = f"img{frame:04d}.png"
        draw(folder / "labeled-data" / video / name, frame)
        place = ["labeled-data", video, name] if three_columns else [f"labeled-data\\{video}\\{name}"]
        values = [str(number + frame) for number in (60.5, 20, 50, 10, 70, 10, 60, 70)]
        if frame == 1:
            values[-2:] = ["", ""]
        rows.append([*place, *(["", "nan"] * 4 if frame == 2 else values)])
    text = "\n".join(",".join(row) for row in [*header, *rows])
    (folder / "labeled-data" / video / "CollectedData_Ada.csv").write_text(text + "\n")
    (folder / "config.yaml").write_text(CONFIG)


@pytest.mark.parametrize("three_columns", [False, True])
def test_a_project_becomes_a_dataset(tmp_path, prepare, three_columns):
    make_single(tmp_path / "own", three_columns=three_columns)
    draw(tmp_path / "own/labeled-data/mouse day 1_labeled/img0000.png", 9)  # what the tool draws to be looked at
    (tmp_path / "own/training-datasets").mkdir()
    collected = tmp_path / "own/labeled-data/mouse day 1/CollectedData_Ada.csv"
    (tmp_path / "own/training-datasets/CollectedData_Ada.csv").write_bytes(collected.read_bytes())
    assert format_of(tmp_path / "own").name == "deeplabcut"

    splits = prepare(tmp_path / "own")

    assert sum(split.images for split in splits.values()) == 5
    assert sum(split.missing_images for split in splits.values()) == 0
    people, category = read_all(tmp_path / "root")
    assert [name for name, _ in people] == [f"labeled-data/mouse day 1/img{i:04d}.png" for i in (0, 1, 3, 4)]
    np.testing.assert_allclose(people[0][1], [[60.5, 20, 2], [50, 10, 2], [70, 10, 2], [60, 70, 2]])
    np.testing.assert_allclose(people[1][1], [[61.5, 21, 2], [51, 11, 2], [71, 11, 2], [0, 0, 0]])
    assert category["keypoints"] == ["snout", "leftear", "rightear", "tail"]
    assert category["skeleton"] == [[1, 2], [1, 4]]


def test_body_parts_of_several_videos_are_one_list(tmp_path, prepare):
    make_single(tmp_path / "own")
    make_single(tmp_path / "own", "evening", 4)
    path = tmp_path / "own/labeled-data/evening/CollectedData_Ada.csv"
    path.write_text(path.read_text().replace("snout", "whisker"))
    prepare(tmp_path / "own")
    people, category = read_all(tmp_path / "root")
    assert category["keypoints"] == ["whisker", "leftear", "rightear", "tail", "snout"]
    of = dict(people)
    assert of["labeled-data/evening/img0000.png"][:, 2].tolist() == [2, 2, 2, 2, 0]
    assert of["labeled-data/mouse day 1/img0000.png"][:, 2].tolist() == [0, 2, 2, 2, 2]


def test_several_animals_are_people_and_what_is_nobodys_a_category(tmp_path, prepare):
    lines = [
        "scorer,,,Ada,Ada,Ada,Ada,Ada,Ada,Ada,Ada,Ada,Ada",
        "individuals,,,m1,m1,m1,m1,m2,m2,m2,m2,single,single",
        "bodyparts,,,nose,nose,tail,tail,nose,nose,tail,tail,lever,lever",
        "coords,,,x,y,x,y,x,y,x,y,x,y",
    ]
    for frame in range(4):
        draw(tmp_path / f"own/labeled-data/cage/{frame}.png", frame)
        second = ",,," if frame == 1 else "30,40,30,60"
        lines.append(f"labeled-data,cage,{frame}.png,10,20,10,40,{second},100,70")
    (tmp_path / "own/labeled-data/cage/CollectedData_Ada.csv").write_text("\n".join(lines))

    prepare(tmp_path / "own")
    people, category = read_all(tmp_path / "root")
    assert category["keypoints"] == ["nose", "tail"]
    assert len(people) == 7
    assert people[1][1].tolist() == [[30, 40, 2], [30, 60, 2]]

    prepare(tmp_path / "own", category="single")
    people, category = read_all(tmp_path / "root")
    assert category["keypoints"] == ["lever"]
    assert [keypoints.tolist() for _, keypoints in people] == [[[100, 70, 2]]] * 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("60.5", "left", r"CollectedData_Ada.csv: line 4: snout x must be a number, got 'left'"),
        ("bodyparts", "parts", "must begin with lines scorer"),
        ("coords,x", "coords,z", "each column must be x or y of a body part"),
        ("leftear,leftear", "snout,snout", "each column must be x or y of a body part, each once"),
        ("tail,tail", "tail", "the lines of its header must be of one length"),
    ],
)
def test_mistakes_are_one_line(tmp_path, prepare, old, new, message):
    make_single(tmp_path / "own")
    path = tmp_path / "own/labeled-data/mouse day 1/CollectedData_Ada.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        prepare(tmp_path / "own")
    assert "\n" not in str(caught.value)


def test_labels_of_two_scorers_are_not_mixed(tmp_path, prepare):
    make_single(tmp_path / "own")
    folder = tmp_path / "own/labeled-data/mouse day 1"
    (folder / "CollectedData_Bea.csv").write_bytes((folder / "CollectedData_Ada.csv").read_bytes())
    with pytest.raises(DataError, match="mouse day 1: labels of several scorers"):
        prepare(tmp_path / "own")

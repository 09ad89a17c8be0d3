"""SLEAP files, written by sleap-io beside a video that is drawn here."""

import importlib.util
import json

import cv2
import numpy as np
import pytest

from evopose2d.config.schema import SplitConfig
from evopose2d.data.coco import read_coco
from evopose2d.data.formats import format_of
from evopose2d.errors import ConfigError, DataError

TRAIN = "annotations/person_keypoints_train2017.json"
VAL = "annotations/person_keypoints_val2017.json"
LABELLED = (1, 3, 5, 7, 9)


@pytest.fixture(scope="module")
def sio():
    return pytest.importorskip("sleap_io", reason="SLEAP files are read by the extra `sleap`")


def column(frame):
    """Return where the blue circle of a frame stands."""
    return 20 + 6 * frame


@pytest.fixture
def labels(sio, tmp_path):
    """Labels of a video of red frames with a blue circle, which lies in the folder ``own``."""
    path = tmp_path / "own/walk.mp4"
    path.parent.mkdir()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (120, 80))
    for frame in range(12):
        pixels = np.full((80, 120, 3), (0, 0, 200), np.uint8)
        writer.write(cv2.circle(pixels, (column(frame), 40), 10, (255, 0, 0), -1))
    writer.release()
    video = sio.load_video(str(path))
    skeleton = sio.Skeleton(nodes=["ball", "one", "two"], edges=[("ball", "two")], symmetries=[("one", "two")])
    frames = []
    for frame in (*LABELLED, 11):
        kind = sio.PredictedInstance if frame == 11 else sio.Instance
        points = np.array([[column(frame), 40.0], [10, 10], [np.nan, np.nan]])
        person = kind.from_numpy(points, skeleton=skeleton)
        frames.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=[person]))
    frames[0].instances[0].points["visible"][1] = False
    return sio.Labels(videos=[video], skeletons=[skeleton], labeled_frames=frames)


def check(root):
    """Assert that every labelled frame is there with its label on its circle; return the category."""
    seen = {}
    for split in (TRAIN, VAL):
        file = read_coco(root / split)
        for person in file.people:
            name = file.images[person.image_id].file_name
            seen[name] = person.keypoints
            image = cv2.imread(str(root / split.split("_")[-1].removesuffix(".json") / name))
            x, y = person.keypoints[0, :2].astype(int)
            assert image.shape == (80, 120, 3)
            blue, _, red = image[y, x].tolist()
            assert blue > 200 > 60 > red
    assert sorted(seen) == [f"walk/{frame:06d}.png" for frame in LABELLED]
    assert seen["walk/000001.png"].tolist() == [[column(1), 40, 2], [0, 0, 0], [0, 0, 0]]
    assert seen["walk/000003.png"].tolist() == [[column(3), 40, 2], [10, 10, 2], [0, 0, 0]]
    return file.category


@pytest.mark.parametrize("embedded", [False, True])
def test_labelled_frames_become_images(tmp_path, prepare, labels, embedded, caplog):
    if embedded:
        labels.save(str(tmp_path / "own/mine.pkg.slp"), embed="user", verbose=False)
        (tmp_path / "own/walk.mp4").unlink()
    else:
        labels.save(str(tmp_path / "own/mine.slp"), verbose=False)
        # As on another machine: the labels still name the old place.
        (tmp_path / "own/videos").mkdir()
        (tmp_path / "own/walk.mp4").rename(tmp_path / "own/videos/walk.mp4")
    assert format_of(tmp_path / "own").name == "sleap"
    before = sorted(path for path in (tmp_path / "own").rglob("*"))

    prepare(tmp_path / "own")

    category = check(tmp_path / "root")
    assert category["keypoints"] == ["ball", "one", "two"]
    assert (category["skeleton"], category["flip_pairs"]) == ([[1, 3]], [["one", "two"]])
    assert embedded or "left out: 1 frames without labels by hand" in caplog.text
    assert sorted(path for path in (tmp_path / "own").rglob("*")) == before
    assert {path.name for path in tmp_path.iterdir()} == {"own", "root"}  # nothing temporary is left


def test_predictions_beside_labels_are_left_out(tmp_path, sio, prepare, labels, caplog):
    predictions = sio.Labels(
        videos=labels.videos, skeletons=labels.skeletons, labeled_frames=[labels.labeled_frames[-1]]
    )
    (tmp_path / "own/predictions").mkdir()
    predictions.save(str(tmp_path / "own/predictions/mine.slp"), verbose=False)
    with pytest.raises(
        DataError, match=r"predictions/mine.slp: holds no frame labelled by hand, nor does another file"
    ):
        prepare(tmp_path / "own")
    labels.save(str(tmp_path / "own/mine.slp"), verbose=False)
    prepare(tmp_path / "own")
    check(tmp_path / "root")
    assert "predictions/mine.slp: left out: 1 frames without labels by hand" in caplog.text


def test_listed_images_are_linked(tmp_path, sio, prepare, labels):
    listed = [tmp_path / f"own/shot {index}.png" for index in range(4)]
    for index, path in enumerate(listed):
        noise = np.random.default_rng(index).integers(0, 256, (5, 6, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(noise, (120, 80)))
    video = sio.load_video([str(path) for path in listed])
    frames = [
        sio.LabeledFrame(video=video, frame_idx=index, instances=labels[0].instances) for index in range(len(listed))
    ]
    labels = sio.Labels(videos=[video], skeletons=labels.skeletons, labeled_frames=frames)
    labels.save(str(tmp_path / "own/mine.slp"), verbose=False)

    splits = prepare(tmp_path / "own", split=SplitConfig(val=0.25, seed=0))

    assert {name: split.images for name, split in splits.items()} == {"train": 3, "val": 1}
    names = [
        image["file_name"]
        for file in (TRAIN, VAL)
        for image in json.loads((tmp_path / "root" / file).read_text())["images"]
    ]
    assert sorted(names) == [path.name for path in listed]
    place = next((tmp_path / "root").rglob("shot 0.png"))
    assert place.samefile(listed[0])


def test_a_video_that_is_missing_is_one_line(tmp_path, prepare, labels):
    labels.save(str(tmp_path / "own/mine.slp"), verbose=False)
    (tmp_path / "own/walk.mp4").rename(tmp_path / "elsewhere.mp4")
    with pytest.raises(DataError, match=r"mine.slp: labels the video .*walk.mp4: 0 files below .* are called walk.mp4"):
        prepare(tmp_path / "own")
    assert not (tmp_path / "root").exists()


def test_a_frame_that_the_video_lacks_is_one_line(tmp_path, prepare, labels):
    labels.labeled_frames[0].frame_idx = 500
    labels.save(str(tmp_path / "own/mine.slp"), verbose=False)
    with pytest.raises(DataError, match=r"mine.slp: frame 500 of .*walk.mp4: cannot be read") as caught:
        prepare(tmp_path / "own")
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"own"}


def test_files_that_are_no_labels_are_one_line(tmp_path, sio, prepare):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.slp").write_text("no labels")
    with pytest.raises(DataError, match=r"mine.slp: cannot be read as a SLEAP file"):
        prepare(tmp_path / "own")


def test_without_sleap_io_the_extra_is_named(tmp_path, prepare, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.slp").write_text("")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"mine.slp: needs sleap-io, .*pip install 'evopose2d\[sleap\]'"):
        prepare(tmp_path / "own")

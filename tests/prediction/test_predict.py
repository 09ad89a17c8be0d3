"""The command as users call it: what it writes, what it says of bad files."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.prediction.conftest import picture_of
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.errors import ConfigError, DataError
from evopose2d.prediction.boxes import DetectionFile, parse_boxes, whole_picture
from evopose2d.prediction.predict import PredictTask, run

PEOPLE = {
    "000000000007.png": [(60, 50), (40, 120), (80, 125)],
    "000000000009.png": [(70, 60), (50, 130), (90, 120)],
}
BOX = "20,20,90,150"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, points in PEOPLE.items():
        cv2.imwrite(str(folder / name), picture_of([points])[..., ::-1])
    return folder


def command(*arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_pictures_and_keypoints_are_written(estimator, photos, tmp_path):
    boxes = parse_boxes([BOX])
    done = run(estimator, PredictTask(tuple(sorted(photos.iterdir())), lambda picture: boxes, tmp_path / "out"))

    assert (done.images, len(done.bad)) == (2, 0)
    assert files_of(tmp_path / "out") == [*PEOPLE, "keypoints.json"]
    results = json.loads((tmp_path / "out" / "keypoints.json").read_text())
    assert results == done.results
    for number, (result, (name, points)) in enumerate(zip(results, PEOPLE.items(), strict=True), start=1):
        found = np.reshape(result["keypoints"], (3, 3))
        np.testing.assert_allclose(found[:, :2], points, atol=4.5)
        assert {name: result[name] for name in ("image_id", "category_id", "file_name", "bbox")} == {
            "image_id": number,
            "category_id": 1,
            "file_name": name,
            "bbox": [20, 20, 90, 150],
        }
        drawn = cv2.imread(str(tmp_path / "out" / name))[..., ::-1]
        undrawn = picture_of([points])
        # A limb between head and left hand lies on what was black background.
        middle = (found[0, :2] + found[1, :2]) / 2
        x, y = middle.round().astype(int)
        assert np.abs(drawn[y, x].astype(int) - undrawn[y, x]).max() > 50


def test_people_of_several_images_share_a_batch(estimator, photos, tmp_path, monkeypatch):
    sizes = []
    predict = estimator.predict_crops
    monkeypatch.setattr(estimator, "predict_crops", lambda crops: sizes.append(len(crops)) or predict(crops))
    boxes = parse_boxes([BOX, BOX])

    run(estimator, PredictTask(tuple(sorted(photos.iterdir())), lambda picture: boxes, tmp_path / "out", False))

    assert sizes == [4, 0]
    assert files_of(tmp_path / "out") == ["keypoints.json"]


def test_a_video_becomes_a_video(estimator, tmp_path):
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12, (320, 240))
    places = [(60 + 10 * frame, 50) for frame in range(6)]
    for x, y in places:
        writer.write(np.ascontiguousarray(picture_of([[(x, y), (x - 20, y + 70), (x + 20, y + 75)]])[..., ::-1]))
    writer.release()
    boxes = parse_boxes(["30,20,130,150"])

    done = run(estimator, PredictTask((path,), lambda picture: boxes, tmp_path / "out"))

    assert files_of(tmp_path / "out") == ["keypoints.json", "walk.mp4"]
    assert [result["frame"] for result in done.results] == list(range(6))
    assert [result["time"] for result in done.results] == pytest.approx([frame / 12 for frame in range(6)], abs=1e-3)
    found = [result["keypoints"][:2] for result in done.results]
    np.testing.assert_allclose(found, places, atol=7)
    capture = cv2.VideoCapture(str(tmp_path / "out" / "walk.mp4"))
    assert (capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)) == (12, 6)
    capture.release()


def test_a_video_that_breaks_off_in_drawing_leaves_nothing(estimator, tmp_path, monkeypatch):
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12, (320, 240))
    for _ in range(6):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    seen = []

    def boxes_of(picture):
        seen.append(picture.number)
        if picture.number == 5:
            raise DataError("detector: broke")
        return parse_boxes([BOX])

    with pytest.raises(DataError, match="broke"):
        run(estimator, PredictTask((path,), boxes_of, tmp_path / "out"))

    assert seen[-1] == 5
    assert files_of(tmp_path / "out") == []


@pytest.mark.slow
def test_the_command_names_bad_files_and_does_the_others(model_folder, photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no image")
    (photos / "broken.mp4").write_bytes(b"no film")
    out = tmp_path / "out"

    ended = command(photos, "--model", model_folder, "--output", out, "--box", BOX, "--threshold", 0, "--json")

    assert isinstance(ended.exception, DataError)
    assert str(ended.exception).startswith("2 of 4 files skipped: ")
    assert all(name in str(ended.exception) for name in ("broken.png", "broken.mp4"))
    assert json.loads(ended.stdout) == {
        "images": 2,
        "people": 2,
        "skipped": 2,
        "keypoints": str(out / "keypoints.json"),
    }
    assert files_of(out) == [*PEOPLE, "keypoints.json"]


@pytest.mark.slow
def test_detections_give_images_their_ids(model_folder, photos, tmp_path):
    boxes = [{"image_id": 9, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))

    ended = command(
        photos / "*.png", "--model", model_folder, "--output", tmp_path / "out", "--detections", tmp_path / "boxes.json"
    )

    assert ended.exception is None, ended.output
    (result,) = json.loads((tmp_path / "out" / "keypoints.json").read_text())
    assert (result["image_id"], result["file_name"]) == (9, "000000000009.png")
    assert files_of(tmp_path / "out") == [*PEOPLE, "keypoints.json"]


def test_two_sources_of_boxes_are_one_too_many(photos):
    ended = command(photos, "--box", BOX, "--detections", "boxes.json")

    assert isinstance(ended.exception, ConfigError)
    assert "must be one of them" in str(ended.exception)


def test_a_box_outside_of_the_picture_is_nobody(model_folder, photos, tmp_path):
    name = next(iter(PEOPLE))
    arguments = ["--model", model_folder, "--output", tmp_path / "out", "--json", "--box", "5000,5000,10,10"]

    ended = command(photos / name, *arguments, "--box", BOX)

    assert ended.exception is None, ended.output
    (result,) = json.loads((tmp_path / "out" / "keypoints.json").read_text())
    assert result["bbox"] == [20, 20, 90, 150]
    command(photos / name, *arguments)
    assert json.loads((tmp_path / "out" / "keypoints.json").read_text()) == []


def test_files_of_one_name_do_not_replace_each_other(estimator, photos, tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    name = next(iter(PEOPLE))
    (other / name).write_bytes((photos / name).read_bytes())

    boxes = parse_boxes([BOX])
    done = run(estimator, PredictTask((photos / name, other / name), lambda picture: boxes, tmp_path / "out"))

    assert files_of(tmp_path / "out") == ["000000000007-2.png", name, "keypoints.json"]
    assert [result["file_name"] for result in done.results] == [name, name]
    assert [result["path"] for result in done.results] == [str(photos / name), str(other / name)]


def test_an_output_folder_that_cannot_be_is_told_before_the_work(estimator, photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(estimator, "predict_crops", lambda crops: pytest.fail("worked"))
    task = PredictTask(tuple(sorted(photos.iterdir())), whole_picture, tmp_path / "file", pictures=False)
    with pytest.raises(FileExistsError, match="file"):
        run(estimator, task)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["photos", "photos/../photos", "link"])
def test_an_output_folder_never_replaces_what_is_read(estimator, photos, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(photos)
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    task = PredictTask(tuple(sorted(photos.iterdir())), whole_picture, Path(place))
    with pytest.raises(ConfigError, match=r"--output: got .*, where 000000000007\.png is an input"):
        run(estimator, task)
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == before
    run(estimator, replace(task, pictures=False))
    assert before.items() < {path.name: path.read_bytes() for path in photos.iterdir()}.items()


@pytest.mark.parametrize("by_detections", [False, True])
def test_boxes_of_a_file_are_of_images_as_they_are_stored(estimator, tmp_path, by_detections):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "1.png"
    Image.fromarray(picture_of([PEOPLE["000000000007.png"]])[:100]).save(path, exif=exif)
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}]))
    source = DetectionFile(boxes, [path]) if by_detections else whole_picture
    run(estimator, PredictTask((path,), source, tmp_path / "out"))
    height, width = picture_of([])[:100].shape[:2]
    drawn = cv2.imread(str(tmp_path / "out" / "1.png"))
    assert drawn.shape[:2] == ((height, width) if by_detections else (width, height))

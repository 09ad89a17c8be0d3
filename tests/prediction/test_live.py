"""A camera stood for by a video that a server on the loopback gives out, and by frames that come at once."""

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.loopback import served
from tests.prediction.conftest import picture_of
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.errors import ConfigError, DataError
from evopose2d.prediction import live, window
from evopose2d.prediction.boxes import parse_boxes, whole_picture
from evopose2d.prediction.live import newest_frames, watch
from evopose2d.prediction.sources import Picture

PERSON = [(60, 50), (40, 120), (80, 125)]


class Camera:
    """Gives frames of which each is as bright as its number; waits before one until it is let go."""

    def __init__(self, frames, wait_before):
        self.frames, self.wait_before = frames, wait_before
        self.waiting, self.go = threading.Event(), threading.Event()
        self.number = 0
        self.released = False

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        if self.number == self.wait_before:
            self.waiting.set()
            self.go.wait(30)
        if self.number == self.frames:
            return False, None
        self.number += 1
        return True, np.full((4, 6, 3), self.number - 1, np.uint8)

    def release(self):
        self.released = True


def pictures_of(count):
    return iter([Picture(Path("camera"), number, picture_of([PERSON])) for number in range(count)])


def test_people_are_shown_with_their_skeletons(estimator):
    shown = []
    boxes = parse_boxes(["20,20,90,150"])
    done = watch(estimator, pictures_of(3), lambda _: boxes, lambda image: shown.append(image) or True, 0.2)
    assert (done.frames, done.people, len(shown)) == (3, 3, 3)
    assert shown[0].shape == (240, 320, 3)
    assert (shown[0] != picture_of([PERSON])).any()


def test_the_show_ends_when_it_is_told(estimator):
    done = watch(estimator, pictures_of(9), whole_picture, lambda image: False, 0.2)
    assert (done.frames, done.people) == (1, 1)


def test_frames_that_passed_by_are_left_out(monkeypatch):
    camera = Camera(frames=8, wait_before=5)
    monkeypatch.setattr(live.cv2, "VideoCapture", lambda address: camera if address == 3 else None)
    with newest_frames("3") as pictures:
        camera.waiting.wait(30)
        first = next(pictures)
        assert (first.number, first.pixels[0, 0].tolist()) == (4, [4, 4, 4])
        camera.go.set()
        assert [picture.number for picture in pictures][-1] == 7
    assert camera.released


def test_a_stream_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    writer = cv2.VideoWriter(str(tmp_path / "walk.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(5):
        writer.write(np.full((48, 64, 3), (200, 0, 0), np.uint8))
    writer.release()

    with served(tmp_path) as (address, _), newest_frames(f"{address}/walk.mp4") as pictures:
        last = [*pictures][-1]
    assert last.number == 4
    red, _, blue = last.pixels[20, 20].tolist()
    assert blue > 150 > 60 > red


def test_a_stream_that_is_not_there_is_one_line_without_its_password():
    with pytest.raises(DataError, match=r"got rtsp://127.0.0.1:1/x: this stream cannot be opened"):
        newest_frames("rtsp://me:secret@127.0.0.1:1/x").__enter__()


def test_the_command_shows_a_camera(model_folder, monkeypatch):
    shown = []
    camera = Camera(frames=3, wait_before=3)
    camera.go.set()
    monkeypatch.setattr(live.cv2, "VideoCapture", lambda address: camera)
    monkeypatch.setattr(window, "check_window", lambda: None)
    monkeypatch.setattr(window.cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(window.cv2, "destroyAllWindows", lambda: None)
    monkeypatch.setattr(window.cv2, "waitKey", lambda _: 255)
    monkeypatch.setattr(window.cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(window.cv2, "imshow", lambda title, image: shown.append(image))
    ended = CliRunner().invoke(app, ["predict", "--webcam", "0", "--model", str(model_folder), "--json"])
    assert ended.exception is None, ended.output
    said = json.loads(ended.stdout)
    assert said["frames"] == said["people"] == len(shown) >= 1


@pytest.mark.parametrize(("pressed", "visible"), [(ord("q"), 1.0), (27, 1.0), (255, 0.0)])
def test_a_key_or_closing_ends_the_show(monkeypatch, pressed, visible):
    for name, value in (("namedWindow", None), ("imshow", None), ("waitKey", pressed), ("getWindowProperty", visible)):
        monkeypatch.setattr(window.cv2, name, lambda *_, value=value: value)
    monkeypatch.setattr(window.cv2, "destroyAllWindows", lambda: None)
    with window.window() as show:
        assert not show(np.zeros((4, 6, 3), np.uint8))


def test_without_a_screen_one_line_says_so(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(window, "_PROBE", "raise SystemExit(1)")
    with pytest.raises(ConfigError, match="--webcam: no window can be opened here"):
        window.check_window()


@pytest.mark.parametrize("arguments", [[], ["photo.jpg", "--webcam", "0"], ["--webcam", "0", "--detections", "a.json"]])
def test_pictures_or_a_camera_are_needed(arguments):
    ended = CliRunner().invoke(app, ["predict", *arguments])
    assert isinstance(ended.exception, ConfigError)
    assert "INPUT, --webcam: must be images and videos, or a camera without --detections" in str(ended.exception)

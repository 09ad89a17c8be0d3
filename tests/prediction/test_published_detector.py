"""``--detector auto``: what is in the folder, and what a server on the loopback gives out in the public one's place."""

import hashlib
import logging
from dataclasses import replace

import numpy as np
import pytest
from tests.loopback import served
from tests.prediction.conftest import colour_model
from tests.prediction.test_detector import SIZE, red_picture, write_detector, write_yolox

from evopose2d.data.download.fetch import Retry
from evopose2d.errors import ConfigError, DataError, DownloadError
from evopose2d.prediction import published_detector
from evopose2d.prediction.detector import YoloDetector
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.prediction.published_detector import YOLOX_S, PublishedDetector, detectors_folder, open_detector

ONCE = Retry(attempts=1, pause=0.0)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A network of YOLOX's layout on a server on the loopback, and the paths that were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    content = write_yolox(tmp_path / "served/yolox_s.onnx").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with served(tmp_path / "served") as (address, asked):
        yield PublishedDetector("yolox_s.onnx", f"{address}/yolox_s.onnx", len(content), digest, "a licence"), asked


def test_the_published_detector_is_fetched_once_and_finds_people(tmp_path, published, caplog):
    detector, asked = published
    folder = tmp_path / "detectors"
    with caplog.at_level(logging.INFO, "evopose2d"):
        for _ in range(2):
            found = open_detector("auto", size=SIZE, folder=folder, published=detector, retry=ONCE)
    assert asked == ["/yolox_s.onnx"]
    assert "a licence" in caplog.text
    assert len(found(red_picture(64, 128)).scores) == 2


def test_a_damaged_file_is_fetched_again(tmp_path, published):
    detector, asked = published
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors/yolox_s.onnx").write_bytes(b"half")
    found = open_detector("auto", size=SIZE, folder=tmp_path / "detectors", published=detector, retry=ONCE)
    assert len(found(red_picture(64, 128)).scores) == 2
    assert asked == ["/yolox_s.onnx"]


def test_another_content_is_not_kept_and_the_way_out_told(tmp_path, published):
    detector, _ = published
    folder = tmp_path / "detectors"
    with pytest.raises(DownloadError, match=r"SHA-256 .*, expected 00.* into .*detectors, or name one with --detector"):
        open_detector("auto", folder=folder, published=replace(detector, sha256="00"), retry=ONCE)
    assert not list(folder.glob("*.onnx"))
    absent = replace(detector, address=detector.address.replace("yolox_s", "gone"))
    with pytest.raises(DownloadError, match=r"gone.onnx: the server answered 404 .*; put this file"):
        open_detector("auto", folder=folder, published=absent, retry=ONCE)


def test_the_users_only_file_is_taken_and_nothing_fetched(tmp_path, published):
    detector, asked = published
    write_detector(tmp_path / "mine.onnx", objectness=False)
    found = open_detector("auto", size=SIZE, threshold=0.3, folder=tmp_path, published=detector, retry=ONCE)
    assert len(found(red_picture(64, 128)).scores) == 2
    assert asked == []
    write_detector(tmp_path / "yours.onnx", objectness=False)
    with pytest.raises(ConfigError, match=r"got auto, but .* several ONNX files \(mine.onnx, yours.onnx\)"):
        open_detector("auto", folder=tmp_path, published=detector, retry=ONCE)


def test_a_file_is_opened_as_it_is_named(tmp_path):
    write_detector(tmp_path / "mine.onnx", objectness=False)
    assert len(open_detector(str(tmp_path / "mine.onnx"), size=SIZE, threshold=0.3)(red_picture(64, 128)).scores) == 2
    with pytest.raises(DataError, match="no such detector file"):
        open_detector(tmp_path / "gone.onnx")


def test_what_is_published_is_named_in_full(monkeypatch, tmp_path):
    assert YOLOX_S.address.startswith("https://") and YOLOX_S.address.endswith(YOLOX_S.name)
    assert len(bytes.fromhex(YOLOX_S.sha256)) == 32
    monkeypatch.setattr(published_detector.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    assert detectors_folder() == tmp_path / "evopose2d/detectors"


def test_an_estimator_finds_the_people_of_images_without_boxes(tmp_path):
    path = write_detector(tmp_path / "mine.onnx", objectness=False)
    detector = YoloDetector(path, size=SIZE, threshold=0.3)
    estimator = PoseEstimator(colour_model(), flip_test=False, detector=detector)
    red = red_picture(64, 128).pixels

    poses, given, nobody = estimator.predict([red, red, red[..., ::-1].copy()], [None, [[0, 0, 60, 60]], None])

    found = detector.find(red)
    without = PoseEstimator(colour_model(), flip_test=False)
    assert len(found.scores) == 2
    for mine, expected in zip(poses, without(red, found.places, found.scores), strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert (len(given.scores), len(nobody.scores)) == (1, 0)
    with pytest.raises(DataError, match="no such detector file"):
        PoseEstimator(colour_model(), detector=tmp_path / "gone.onnx")

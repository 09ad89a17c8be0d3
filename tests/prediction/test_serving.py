"""``mlflow models serve`` on a registered network, asked over HTTP."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import cv2
import mlflow
import numpy as np
import pytest
from tests.prediction.conftest import picture_of

from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.prediction.serving import log_pose_service

pytestmark = pytest.mark.slow

POINTS = [(60, 50), (40, 120), (80, 125)]
BOXES = [[20, 20, 80, 140], [30.5, 20, 70, 120]]
_PATIENCE = 600  # seconds until the server must answer, on a machine that is busy too


@pytest.fixture(scope="module")
def registered(model_folder, tmp_path_factory):
    """The tracking address of a store with a registered model."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        experiment = mlflow.create_experiment("poses", artifact_location=str(tmp_path_factory.mktemp("artifacts")))
        with mlflow.start_run(experiment_id=experiment):
            log_pose_service(model_folder, registered_model_name="champion")
    finally:
        mlflow.set_tracking_uri(before)
    return uri


@pytest.fixture(scope="module")
def server(registered):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "mlflow", "models", "serve", "-m", "models:/champion/1", "--env-manager", "local"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registered}
    process = subprocess.Popen(
        [sys.executable, *command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        # The server's workers are in its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _wait_for(address, process):
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/ping", timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError("the server does not answer")


def ask(address, *records):
    body = json.dumps({"dataframe_records": records}).encode()
    request = urllib.request.Request(f"{address}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def encoded(image, suffix=".png"):
    return base64.b64encode(cv2.imencode(suffix, image[..., ::-1])[1]).decode()


def test_a_served_network_answers_with_the_keypoints_of_the_estimator(server, model_folder):
    image = picture_of([POINTS])
    estimator = PoseEstimator(model_folder)

    first, second = ask(server, {"image": encoded(image), "boxes": BOXES}, {"image": encoded(image, ".jpg")})

    expected = estimator(image, BOXES)
    np.testing.assert_allclose(first["keypoints"], expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(first["scores"], expected.scores, atol=1e-5)
    assert np.shape(second["keypoints"]) == (1, 3, 3)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"image": "no base64!"}, "base64"),
        ({"image": base64.b64encode(b"no image").decode()}, "cannot be read as an image"),
        ({"image": encoded(picture_of([])), "boxes": [[1, 2, 0, 4]]}, "boxes: got"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(server, record, words):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, record)

    assert caught.value.code == 400
    assert words in json.load(caught.value)["message"]

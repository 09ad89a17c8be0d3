import base64
from dataclasses import replace
from pathlib import Path

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from evopose2d.config.loading import load_params
from evopose2d.config.schema import TrackingConfig
from evopose2d.evolution.results.finished_network import FinishedNetwork
from evopose2d.evolution.tracking import registration
from evopose2d.evolution.tracking.registration import RegistrationRequest
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.build import build_network
from evopose2d.tracking.connection import TrackingError
from evopose2d.tracking.models import Champion
from evopose2d.tracking.search_runs import SearchRuns
from evopose2d.weights import save_weights

GENOTYPE = [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 2, 2], [3, 1, 2, 2], [3, 1, 2, 1], [3, 1, 2, 1], [3, 1, 2, 1]]


@pytest.fixture
def request_of_search(mlflow_uri: str, tmp_path: Path, project_root: Path) -> RegistrationRequest:
    config = TrackingConfig(uri=mlflow_uri, experiment="tests", log_model=True)
    model = load_params(project_root / "params.yaml", ["model.input_shape=[64,64]", "model.head_channels=8"]).model
    model = replace(model, genotype=GENOTYPE)
    save_weights(build_network(model, 17, seed=1), tmp_path / "weights.h5")
    runs = SearchRuns.open(config, "abc", "search · x")
    best = Champion("tests-champion", runs.experiment, runs.run_id, "abc", 7, {"fitness": "1.5"}, "the best")
    network = FinishedNetwork(model, COCO_PERSON, 2.0, str(tmp_path / "weights.h5"))
    return RegistrationRequest(config, best, network)


def versions(request: RegistrationRequest):
    return MlflowClient(request.tracking.uri).search_model_versions("name = 'tests-champion'")


@pytest.mark.slow
def test_a_champion_is_registered_once_and_can_be_loaded(request_of_search):
    assert RegistrationRequest.from_json(request_of_search.to_json()) == request_of_search
    first = registration.run(request_of_search)
    assert registration.run(request_of_search) == first
    (version,) = versions(request_of_search)
    assert version.tags == {"search": "abc", "individual": "7", "fitness": "1.5"}
    assert version.run_id == request_of_search.champion.run_id
    model = mlflow.keras.load_model("models:/tests-champion@champion")
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    expected = build_network(request_of_search.network.model, 17, seed=1)(images)
    np.testing.assert_allclose(model(images), expected, atol=1e-3)
    signature = mlflow.models.get_model_info(version.source).signature
    assert signature.inputs.inputs[0].shape == (-1, 64, 64, 3)


def test_a_registration_that_was_broken_off_goes_on_with_the_model_that_was_logged(request_of_search, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "create_model_version", lambda *_, **__: 1 / 0)
        with pytest.raises(TrackingError, match="ZeroDivisionError"):
            registration.run(request_of_search)
    assert versions(request_of_search) == []
    registration.run(request_of_search)
    champion_of = request_of_search.champion
    client = MlflowClient(request_of_search.tracking.uri)
    # One as a Keras model, one as a service.
    assert len(client.search_logged_models([champion_of.experiment])) == 2
    assert len(versions(request_of_search)) == 1


@pytest.mark.slow
def test_the_best_of_an_extended_search_is_another_version(request_of_search):
    registration.run(request_of_search)
    better = replace(request_of_search.champion, individual=12)
    version = registration.run(replace(request_of_search, champion=better))
    assert len(versions(request_of_search)) == 2
    client = MlflowClient(request_of_search.tracking.uri)
    assert client.get_model_version_by_alias("tests-champion", "champion").version == int(version)


@pytest.mark.slow
def test_a_champion_answers_requests_with_images_and_boxes(request_of_search):
    registration.run(request_of_search)
    service = mlflow.pyfunc.load_model("models:/tests-champion-service@champion")
    _, png = cv2.imencode(".png", np.full((80, 60, 3), 90, np.uint8))
    image = base64.b64encode(png.tobytes()).decode()
    (answer,) = service.predict(pd.DataFrame({"image": [image], "boxes": [[[10, 10, 40, 60], [0, 0, 60, 80]]]}))
    assert np.shape(answer["keypoints"]) == (2, 17, 3)
    assert np.shape(answer["scores"]) == (2,)

from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from evopose2d.config.loading import load_params
from evopose2d.config.schema import TrackingConfig
from evopose2d.networks.build import build_network
from evopose2d.stages import champion
from evopose2d.stages.champion import ChampionRequest
from evopose2d.tracking.models import Champion
from evopose2d.tracking.search_runs import SearchRuns
from evopose2d.weights import save_weights

GENOTYPE = [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 2, 2], [3, 1, 2, 2], [3, 1, 2, 1], [3, 1, 2, 1], [3, 1, 2, 1]]


@pytest.fixture
def request_of_search(mlflow_uri: str, tmp_path: Path, project_root: Path) -> ChampionRequest:
    config = TrackingConfig(uri=mlflow_uri, experiment="tests", log_model=True)
    model = load_params(project_root / "params.yaml", ["model.input_shape=[64,64]", "model.head_channels=8"]).model
    model = replace(model, genotype=GENOTYPE)
    save_weights(build_network(model, 5, seed=1), tmp_path / "weights.h5")
    runs = SearchRuns.open(config, "abc", "search · x")
    best = Champion("tests-champion", runs.experiment, runs.run_id, "abc", 7, {"fitness": "1.5"}, "the best")
    return ChampionRequest(config, best, model, 5, str(tmp_path / "weights.h5"))


def versions(request: ChampionRequest):
    return MlflowClient(request.tracking.uri).search_model_versions("name = 'tests-champion'")


def test_a_champion_is_registered_once_and_can_be_loaded(request_of_search):
    assert ChampionRequest.from_json(request_of_search.to_json()) == request_of_search
    first = champion.run(request_of_search)
    assert champion.run(request_of_search) == first
    (version,) = versions(request_of_search)
    assert version.tags == {"search": "abc", "individual": "7", "fitness": "1.5"}
    assert version.run_id == request_of_search.champion.run_id
    model = mlflow.keras.load_model("models:/tests-champion@champion")
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    expected = build_network(request_of_search.model, 5, seed=1)(images)
    np.testing.assert_allclose(model(images), expected, atol=1e-3)
    signature = mlflow.models.get_model_info(version.source).signature
    assert signature.inputs.inputs[0].shape == (-1, 64, 64, 3)


def test_a_registration_that_was_broken_off_goes_on_with_the_model_that_was_logged(request_of_search, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "create_model_version", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            champion.run(request_of_search)
    assert versions(request_of_search) == []
    champion.run(request_of_search)
    champion_of = request_of_search.champion
    client = MlflowClient(request_of_search.tracking.uri)
    assert len(client.search_logged_models([champion_of.experiment])) == 1
    assert len(versions(request_of_search)) == 1


def test_the_best_of_an_extended_search_is_another_version(request_of_search):
    champion.run(request_of_search)
    better = replace(request_of_search.champion, individual=12)
    version = champion.run(replace(request_of_search, champion=better))
    assert len(versions(request_of_search)) == 2
    client = MlflowClient(request_of_search.tracking.uri)
    assert client.get_model_version_by_alias("tests-champion", "champion").version == int(version)

"""Registered models, with logged ones that hold no network."""

from dataclasses import replace

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking.models import CHAMPION_ALIAS, Champion, register, registered_version
from evopose2d.tracking.search_runs import SearchRuns


@pytest.fixture
def config(mlflow_uri: str) -> TrackingConfig:
    return TrackingConfig(uri=mlflow_uri, experiment="tests", log_model=True)


@pytest.fixture
def client(config: TrackingConfig) -> MlflowClient:
    return MlflowClient(config.uri)


@pytest.fixture
def champion(config: TrackingConfig) -> Champion:
    runs = SearchRuns.open(config, "abc", "search · x")
    return Champion("tests-champion", runs.experiment, runs.run_id, "abc", 7, {"fitness": "1.5"}, "the best")


def logging(client: MlflowClient, champion: Champion):
    def log(tags: dict[str, str]) -> str:
        model = client.create_logged_model(champion.experiment, "model", champion.run_id, tags)
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        return model.model_id

    return log


def test_a_model_that_was_not_logged_whole_gives_way_to_one_that_is(config, client, champion):
    broken = client.create_logged_model(champion.experiment, "model", champion.run_id, champion.logged_tags)
    register(config, champion, logging(client, champion))
    (model,) = client.search_logged_models([champion.experiment])
    (version,) = client.search_model_versions("name = 'tests-champion'")
    assert model.model_uri == version.source != broken.model_uri


def test_a_model_that_another_process_logged_is_registered(config, client, champion, tmp_path):
    logging(client, champion)(champion.logged_tags)

    def log(tags: dict[str, str]) -> str:
        raise AssertionError("it is logged already")

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'elsewhere.db'}")  # as in a process that has logged nothing yet
    try:
        assert register(config, champion, log) == "1"
    finally:
        mlflow.set_tracking_uri(before)


def test_the_alias_stays_with_the_newest_when_an_older_champion_is_looked_up(config, client, champion):
    better = replace(champion, individual=12)
    for each in (champion, better):
        register(config, each, logging(client, each))
    assert (registered_version(client, champion), registered_version(client, better)) == ("1", "2")
    registered_version(client, champion)
    assert int(client.get_model_version_by_alias("tests-champion", CHAMPION_ALIAS).version) == 2


def test_an_alias_that_was_not_set_any_more_is_made_up_for(config, client, champion):
    register(config, champion, logging(client, champion))
    client.delete_registered_model_alias("tests-champion", CHAMPION_ALIAS)
    assert registered_version(client, champion) == "1"
    assert int(client.get_model_version_by_alias("tests-champion", CHAMPION_ALIAS).version) == 1

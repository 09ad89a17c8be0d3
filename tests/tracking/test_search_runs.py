import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from evopose2d.config.schema import TrackingConfig
from evopose2d.tracking.search_runs import IndividualRun, Measurement, SearchRuns
from evopose2d.tracking.views import share_view, view_address


@pytest.fixture
def config(mlflow_uri: str) -> TrackingConfig:
    return TrackingConfig(uri=mlflow_uri, experiment="tests", log_model=False)


@pytest.fixture
def client(config: TrackingConfig) -> MlflowClient:
    return MlflowClient(config.uri)


def individual(folder: Path, number: int = 3, **changes) -> IndividualRun:
    weights = folder / "weights.h5"
    weights.write_bytes(b"weights")
    run = IndividualRun(
        number=number,
        name=f"{number:02d} · g1",
        params={"b1_kernel": 5},
        tags={"state": "complete"},
        measurements=[Measurement("fitness", 2.0, 0, 1000.0), Measurement("val_loss", 3.0, 1, 995.0)],
        note="a note",
        files=[weights],
        started=990.0,
        ended=1000.0,
    )
    return replace(run, **changes)


def all_runs(client: MlflowClient):
    experiments = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(experiments, max_results=1000)


def test_an_individuals_run_holds_it_all(config, client, tmp_path):
    runs = SearchRuns.open(config, "abc", "search · x")
    runs.record(individual(tmp_path))
    (stored,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert stored.info.run_name == "03 · g1"
    assert (stored.info.status, stored.info.start_time, stored.info.end_time) == ("FINISHED", 990_000, 1_000_000)
    assert stored.data.params == {"b1_kernel": "5"}
    assert stored.data.metrics == {"fitness": 2.0, "val_loss": 3.0}
    assert (
        stored.data.tags.items()
        >= {
            "search": "abc",
            "individual": "3",
            "state": "complete",
            "mlflow.parentRunId": runs.run_id,
            "mlflow.note.content": "a note",
        }.items()
    )
    assert [each.path for each in client.list_artifacts(stored.info.run_id)] == ["weights.h5"]
    assert runs.recorded() == {3}
    assert runs.link(3) == f"[03 · g1]({runs.page(stored.info.run_id)})"
    assert runs.link(9) == "individual 9"


def test_a_failed_individual_is_seen_as_failed(config, client, tmp_path):
    runs = SearchRuns.open(config, "abc", "search · x")
    runs.record(individual(tmp_path, failed=True))
    (stored,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert stored.info.status == "FAILED"
    assert SearchRuns.open(config, "abc", "search · x").recorded() == {3}


def test_a_run_that_was_broken_off_is_completed(config, client, tmp_path):
    runs = SearchRuns.open(config, "abc", "search · x")
    tags = {"search": "abc", "kind": "individual", "individual": "3", "mlflow.parentRunId": runs.run_id}
    broken = client.create_run(runs.experiment, tags=tags, run_name="03 · g1")
    client.log_metric(broken.info.run_id, "fitness", 2.0, 1_000_000, 0)
    again = SearchRuns.open(config, "abc", "search · x")
    assert again.recorded() == frozenset()
    again.record(individual(tmp_path))
    assert len(all_runs(client)) == 2
    assert client.get_run(broken.info.run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(broken.info.run_id, "fitness")) == 1


@pytest.mark.parametrize("call", ["log_artifact", "log_batch"])
def test_a_run_ends_only_after_all_that_it_holds(config, client, tmp_path, monkeypatch, call):
    runs = SearchRuns.open(config, "abc", "search · x")
    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, call, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            runs.record(individual(tmp_path))
    (stored,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert stored.info.status == "RUNNING"
    assert SearchRuns.open(config, "abc", "search · x").recorded() == frozenset()


def test_figures_are_there_where_the_artifact_store_takes_nothing(config, client, tmp_path, monkeypatch):
    runs = SearchRuns.open(config, "abc", "search · x")
    monkeypatch.setattr(MlflowClient, "log_artifact", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.record(individual(tmp_path))
    (stored,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert stored.data.metrics
    assert stored.info.status == "RUNNING"


def test_a_run_made_twice_stays_once_and_the_whole_one_stays(config, client, tmp_path):
    runs = SearchRuns.open(config, "abc", "search · x")
    tags = {"search": "abc", "kind": "individual", "individual": "3"}
    twin = client.create_run(runs.experiment, tags=tags, start_time=1)
    runs.record(individual(tmp_path))
    runs.refresh()
    kept = [run.info.run_id for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert len(kept) == 1
    assert twin.info.run_id not in kept
    assert runs.recorded() == {3}


def test_a_search_goes_on_in_its_run_and_others_have_their_own(config, tmp_path):
    first = SearchRuns.open(config, "abc", "search · x")
    first.record(individual(tmp_path))
    again = SearchRuns.open(config, "abc", "search · x")
    other = SearchRuns.open(config, "def", "search · y")
    assert (again.run_id, again.recorded()) == (first.run_id, {3})
    assert (other.run_id == first.run_id, other.recorded()) == (False, frozenset())


def test_the_projects_run_becomes_the_searchs_own(config, client):
    elsewhere = client.create_experiment("of the project")
    project = client.create_run(elsewhere, run_name="bold-crow-7")
    runs = SearchRuns.open(config, "abc", "search · x", project.info.run_id)
    assert (runs.run_id, runs.experiment) == (project.info.run_id, elsewhere)
    assert client.get_run(project.info.run_id).info.run_name == "search · x"
    # Gone on with without a project: still the same run, though it lies in another experiment.
    assert SearchRuns.open(config, "abc", "search · x").run_id == project.info.run_id


def test_a_project_that_goes_on_hangs_below_the_first(config, client, tmp_path):
    first = SearchRuns.open(config, "abc", "search · x")
    second = client.create_run(client.create_experiment("of the project"))
    runs = SearchRuns.open(config, "abc", "search · x", second.info.run_id)
    assert runs.run_id == first.run_id
    tags = client.get_run(second.info.run_id).data.tags
    assert tags.items() >= {"kind": "continuation", "search": "abc", "mlflow.parentRunId": first.run_id}.items()
    assert SearchRuns.open(config, "abc", "search · x", second.info.run_id).run_id == first.run_id


def test_a_project_run_of_another_database_is_left_alone(config):
    runs = SearchRuns.open(config, "abc", "search · x", "0" * 32)
    assert runs.own().info.run_name == "search · x"


def test_children_of_a_deleted_search_run_move_to_the_new_one(config, client, tmp_path):
    first = SearchRuns.open(config, "abc", "search · x")
    first.record(individual(tmp_path))
    client.delete_run(first.run_id)
    second = SearchRuns.open(config, "abc", "search · x")
    assert second.run_id != first.run_id
    assert second.recorded() == {3}
    (child,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert child.data.tags["mlflow.parentRunId"] == second.run_id


def test_what_goes_beyond_one_call_goes_in_several(config, client, tmp_path):
    runs = SearchRuns.open(config, "abc", "search · x")
    epochs = [Measurement("val_loss", 1 / epoch, epoch, 1000.0) for epoch in range(1, 1702)]
    runs.record(individual(tmp_path, measurements=epochs))
    (child,) = [run for run in all_runs(client) if run.data.tags["kind"] == "individual"]
    assert len(client.get_metric_history(child.info.run_id, "val_loss")) == 1701
    runs.describe(params={f"section.key{number}": "x" * 9000 for number in range(120)})
    params = runs.own().data.params
    assert (len(params), len(params["section.key7"])) == (120, 6000)


def test_a_param_keeps_its_first_value(config):
    runs = SearchRuns.open(config, "abc", "search · x")
    runs.describe(params={"evolve.generations": 2}, tags={"individuals": "3"})
    runs.describe(params={"evolve.generations": 3, "evolve.seed": 1}, tags={"individuals": "4"})
    own = runs.own()
    assert own.data.params == {"evolve.generations": "2", "evolve.seed": "1"}
    assert own.data.tags["individuals"] == "4"


def test_a_shared_view_names_what_is_there(config, client):
    runs = SearchRuns.open(config, "abc", "search · x")
    share_view(runs, [f"block{number}_kernel" for number in range(1, 8)] * 3, 2000)
    (value,) = [
        value
        for key, value in client.get_experiment(runs.experiment).tags.items()
        if key.startswith("mlflow.sharedViewState.")
    ]
    assert len(value) <= 5000  # MLflow's limit
    view = json.loads(value)
    assert view["searchFilter"] == "tags.search = 'abc' and tags.kind = 'individual'"
    sections = {section["uuid"] for section in view["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} == sections
    assert view_address(runs).startswith(
        f"http://127.0.0.1:5000/#/experiments/{runs.experiment}/runs?viewStateShareKey="
    )

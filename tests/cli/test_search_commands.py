"""The subcommands that look at a search, on one that runs in a second."""

import json
import shlex
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.cli.results import next_steps
from evopose2d.config.loading import load_params
from evopose2d.config.pinned import pin
from evopose2d.errors import ConfigError, DataError, SearchError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.finished_network import finished_network
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.build import build_network
from evopose2d.stages.pose_model import load_pose_model
from evopose2d.weights import save_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "evolution"))
from search_doubles import InlineEngine, Trainer, make_params


@pytest.fixture(scope="module")
def finished(tmp_path_factory, project_root: Path) -> Path:
    """A folder with settings and a search that is over; one of its individuals failed."""
    folder = tmp_path_factory.mktemp("searched")
    params = make_params(folder, "evolve.attempts=1")
    search.run(params, engine=partial(InlineEngine, trainer=Trainer(folder / "notes", diverges=(3,))))
    return folder


@pytest.fixture
def project(finished: Path, project_root: Path, tmp_path: Path, monkeypatch) -> Path:
    text = (project_root / "params.yaml").read_text().replace("root: search/default", f"root: {finished / 'search'}")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["-q", *arguments], catch_exceptions=True, env={"COLUMNS": "80"})


def test_report_shows_and_writes_the_population(project: Path):
    shown = invoke("evolve", "report", "--out", "out")
    assert shown.exit_code == 0, shown.output
    assert "9 of 9 individuals done" in shown.output
    assert "failed" in shown.output
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert {path.name for path in Path("out").iterdir()} == {
        "fitness_by_generation.png",
        "front.csv",
        "front.json",
        "lineage.png",
        "loss_against_size.png",
        "population.csv",
        "population.json",
        "summary.md",
    }
    assert len(Path("out/population.csv").read_text().splitlines()) == 10


def test_report_shows_what_the_finals_came_to(project: Path, tmp_path: Path):
    params = make_params(tmp_path, "evolve.controls=true", "evolve.finalists=1", "evolve.final_seeds=2")
    search.run(params, engine=InlineEngine)
    shown = invoke("evolve", "report", f"evolve.root={params.evolve.root}")
    assert shown.exit_code == 0, shown.output
    verdict = str(read_search(Path(params.evolve.root)).verdict)
    assert verdict in shown.output
    table = shown.output.partition("finals: all trained equally")[2].replace(verdict, "")
    assert "0, the ancestor" in table and "…" not in table
    assert max(len(line) for line in table.splitlines()) <= 80
    assert verdict[:60] in invoke("evolve", "best", f"evolve.root={params.evolve.root}").stdout


def test_report_as_json(project: Path, finished: Path):
    rows = json.loads(invoke("evolve", "report", "--json").stdout)
    assert [row["number"] for row in rows] == list(range(9))
    assert rows[3]["state"] == "failed"
    assert rows[3]["fitness"] is None
    assert rows[1]["seconds"] == 0.1
    assert (finished / "search" / "report" / "summary.md").is_file()


def weights_of(finished: Path, number: int) -> Path:
    return finished / "search" / "individuals" / f"{number:04d}" / "weights.h5"


def test_best_prints_what_params_yaml_takes(project: Path, finished: Path):
    best = read_search(finished / "search").best(1)[0]
    settings = yaml.safe_load(invoke("evolve", "best").stdout)
    assert settings["model"]["genotype"] == best.genotype.to_lists()
    # What the search was run with and the file has otherwise, so that the weights fit.
    assert settings["model"]["head_channels"] == 64
    assert settings["train"]["initial_weights"] == pin(weights_of(finished, best.number))


def test_best_prints_numbers_and_names_as_they_are(project: Path, finished: Path):
    before = Path("params.yaml").read_text()
    changed = before.replace("  final_kernel: 1", "  final_kernel: 3").replace(
        "  compound_scaling: false", "  compound_scaling: true"
    )
    assert changed != before
    Path("params.yaml").write_text(changed)
    settings = yaml.safe_load(invoke("evolve", "best").stdout)
    assert settings["model"]["final_kernel"] == 1 and type(settings["model"]["final_kernel"]) is int


def test_best_as_json_and_several(project: Path, finished: Path):
    found = json.loads(invoke("evolve", "best", "--count", "3", "--json").stdout)
    assert [each["number"] for each in found] == [each.number for each in read_search(finished / "search").best(3)]
    documents = list(yaml.safe_load_all(invoke("evolve", "best", "--count", "3").stdout))
    assert [each["model"]["genotype"] for each in documents] == [each["genotype"] for each in found]


@pytest.mark.parametrize("from_weights", [True, False])
def test_best_writes_settings_that_can_be_trained(project: Path, finished: Path, from_weights: bool):
    before = Path("params.yaml").read_text()
    option = "--from-weights" if from_weights else "--from-scratch"
    assert invoke("evolve", "best", "--write", option).exit_code == 0
    best = read_search(finished / "search").best(1)[0]
    params = load_params(Path("params.yaml"))
    assert params.model.genotype == best.genotype.to_lists()
    weights = pin(weights_of(finished, best.number))
    assert params.train.initial_weights == (weights if from_weights else None)
    after = Path("params.yaml").read_text()
    assert [line.partition(" # ")[2] for line in after.splitlines()] == [
        line.partition(" # ")[2] for line in before.splitlines()
    ]


def test_best_whose_files_are_gone_is_told(project: Path, finished: Path):
    best = read_search(finished / "search").best(1)[0].number
    result = finished / "search" / "individuals" / f"{best:04d}" / "result.json"
    hidden = result.rename(result.with_suffix(".away"))
    try:
        for option in ([], ["--json"], ["--write"], ["--model", "best"]):
            refused = invoke("evolve", "best", *option)
            assert isinstance(refused.exception, SearchError)
            assert f"individuals/{best:04d}: result or weights are missing" in str(refused.exception)
        assert invoke("evolve", "best", "--number", "0").exit_code == 0
        assert invoke("evolve", "report", "--out", "out").exit_code == 0
    finally:
        hidden.rename(result)


def test_best_takes_any_individual_that_was_trained(project: Path, finished: Path):
    settings = yaml.safe_load(invoke("evolve", "best", "--number", "0").stdout)
    assert settings["model"]["genotype"] == read_search(finished / "search").individuals[0].genotype.to_lists()
    failed = invoke("evolve", "best", "--number", "3")
    assert isinstance(failed.exception, SearchError)
    assert "got individual 3, trained are 0, 1, 2, 4" in str(failed.exception)


@pytest.mark.parametrize("option", [["--write"], ["--model", "best"]])
def test_best_writes_one_only(project: Path, option: list[str]):
    refused = invoke("evolve", "best", *option, "--count", "2")
    assert isinstance(refused.exception, ConfigError)
    assert option[0] in str(refused.exception)


def test_best_writes_a_network_to_be_used(project: Path, finished: Path):
    """The stand-in trainer gives no weights: they are put in the best one's place."""
    archive = read_search(finished / "search")
    best = archive.best(1)[0]
    known = finished_network(make_params(finished), archive, archive.results[best.number])
    trained = build_network(known.model, 17, seed=1)
    kept, store = Path(known.weights).read_bytes(), SearchStore(finished / "search")
    try:
        save_weights(trained, Path(known.weights))
        store.write_result(archive.results[best.number])
        written = invoke("evolve", "best", "--model", "models/best", f"write_tfrecords.root={finished / 'records'}")
    finally:
        Path(known.weights).write_bytes(kept)
        store.write_result(archive.results[best.number])
    assert written.exit_code == 0, written.output
    model = load_pose_model(Path("models/best"))
    assert model.config.genotype == best.genotype.to_lists()
    assert model.keypoints == COCO_PERSON
    for mine, theirs in zip(model.network.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_best_changes_nothing_where_its_network_cannot_be_written(project: Path):
    before = Path("params.yaml").read_text()
    refused = invoke("evolve", "best", "--write", "--model", "best", "write_tfrecords.root=nowhere")
    assert isinstance(refused.exception, DataError)
    assert Path("params.yaml").read_text() == before
    assert not Path("best").exists()


@pytest.mark.parametrize("command", [["evolve", "report"], ["evolve", "best"], ["sync"]])
def test_without_a_search(command: list[str], project: Path):
    missing = invoke(*command, "evolve.root=nowhere")
    assert isinstance(missing.exception, SearchError)
    assert "no search has been started here" in str(missing.exception)


def test_next_steps_are_commands_to_copy():
    params = Path("params.yaml")
    plain = next_steps(params, [], "search/default", "mlflow ui", ["http://127.0.0.1:5000/#/x"])
    assert "\n  evopose2d evolve best --write && dvc repro\n" in plain
    assert plain.endswith("\n  mlflow ui\n  http://127.0.0.1:5000/#/x")
    other = next_steps(Path("other.yaml"), ["evolve.root=a"], "a", None, [])
    assert "evopose2d evolve best --params other.yaml evolve.root=a --write" in other
    assert other.endswith("evopose2d sync --params other.yaml evolve.root=a")
    settings = ["evolve.root=a", "tracking.uri=http://server:5000/a b"]
    sync = next_steps(Path("other.yaml"), settings, "a", None, []).splitlines()[-1]
    assert sync == "  evopose2d sync --params other.yaml evolve.root=a 'tracking.uri=http://server:5000/a b'"
    blank = next_steps(Path("my settings.yaml"), ["evolve.root=ä b"], "ä b", None, [])
    assert shlex.split(blank.splitlines()[-1])[2:] == ["--params", "my settings.yaml", "evolve.root=ä b"]


def test_best_takes_a_number_or_a_count(project: Path):
    refused = invoke("evolve", "best", "--number", "0", "--count", "2")
    assert isinstance(refused.exception, ConfigError)
    assert "--count: got 2" in str(refused.exception)

import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from process_marks import SLEEPER, check_sleeper_ends_with
from search_doubles import PARAMS_FILE

from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError, DataError
from evopose2d.evolution.preparation import bring_data_up_to_date


class Dvc:
    """Stands in for the DVC process."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.calls = []

    def run(self, command, **options):
        self.calls.append((command, options))
        return subprocess.CompletedProcess(command, self.status)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text(PARAMS_FILE.read_text())
    return tmp_path


@pytest.fixture
def params(project):
    loaded = load_params(project / "params.yaml")
    return replace(loaded, evolve=replace(loaded.evolve, root=str(project / "search")))


def prepare(params, project, monkeypatch, status=0):
    dvc = Dvc(status)
    monkeypatch.setattr(subprocess, "run", dvc.run)
    bring_data_up_to_date(params, project)
    return dvc.calls


def test_a_new_search_has_dvc_make_its_data(params, project, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "of the search")
    ((command, options),) = prepare(params, project, monkeypatch)
    assert command == [sys.executable, "-m", "dvc", "repro", "write_tfrecords"]
    assert options["cwd"] == project
    assert "MLFLOW_RUN_ID" not in options["env"]


def test_a_search_that_goes_on_keeps_the_data_it_started_with(params, project, monkeypatch):
    (project / "search").mkdir()
    (project / "search/search.json").write_text("{}")
    assert prepare(params, project, monkeypatch) == []


@pytest.mark.parametrize("section", ["dataset", "write_tfrecords"])
def test_dvc_does_not_make_data_of_settings_that_it_does_not_see(section, params, project, monkeypatch):
    elsewhere = replace(params, **{section: replace(getattr(params, section), root="elsewhere")})
    assert prepare(elsewhere, project, monkeypatch) == []


def test_without_a_dvc_project_the_data_are_taken_as_they_are(params, project, monkeypatch):
    (project / "dvc.yaml").unlink()
    assert prepare(params, project, monkeypatch) == []


def test_no_data_are_made_for_a_search_that_cannot_start(params, project, monkeypatch):
    greedy = replace(params, evolve=replace(params.evolve, cpus=1.5))
    with pytest.raises(ConfigError, match=r"evolve\.cpus"):
        prepare(greedy, project, monkeypatch)


def test_a_failure_of_dvc_ends_in_one_line(params, project, monkeypatch):
    with pytest.raises(DataError, match=r"^dvc repro write_tfrecords: ended with status 255[^\n]*$"):
        prepare(params, project, monkeypatch, status=255)


DRIVER = """
from pathlib import Path
from evopose2d.config.loading import load_params
from evopose2d.evolution.preparation import bring_data_up_to_date

bring_data_up_to_date(load_params(Path("params.yaml"), ["evolve.root=search"]), Path.cwd())
"""


@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_dvc_ends_with_its_driver(project, sent):
    (project / "dvc.py").write_text(SLEEPER)
    check_sleeper_ends_with(DRIVER, project, sent)

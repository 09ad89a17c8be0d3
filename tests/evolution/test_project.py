"""The search as its users start it: real networks, data through DVC, MLflow Projects, and the plug pulled once."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import mlflow
import pytest
import yaml
from process_marks import kill_marked
from search_doubles import TINY_ANCESTOR
from tests.stages.conftest import change_params, environment_of, make_project, run

from evopose2d.config.pinned import read_pinned
from evopose2d.files import file_sha256

COMMAND = ("mlflow", "run", ".", "-e", "evolve", "--env-manager", "local", "-P", "set=evolve.children=3")
_MARK = "PROJECT_TEST"
_SEARCH = {
    "evolve.ancestor": TINY_ANCESTOR,
    "evolve.generations": 1,
    "evolve.parents": 1,
    "evolve.ancestor_epochs": 2,
    "evolve.batch_size": 8,
    "evolve.finalists": 1,
    "evolve.final_epochs": 1,
    "tracking.log_model": True,
}


@pytest.fixture
def project(tmp_path: Path, project_root: Path):
    """A clone of the project with tiny settings; what was started in it ends with the test."""
    folder = make_project(tmp_path, project_root)
    for name in ("MLproject", "python_env.yaml"):
        shutil.copy(project_root / name, folder / name)
    change_params(folder, _SEARCH)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "config", "core.analytics", "false"]):
        run(folder, *command)
    yield folder
    kill_marked(_MARK, folder)


def _killed_after_the_ancestor(project: Path) -> None:
    finished = project / "search/default/individuals/0000/result.json"
    with subprocess.Popen(
        COMMAND,
        cwd=project,
        env=environment_of(**{_MARK: str(project)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as started:
        while not finished.exists() and started.poll() is None:
            time.sleep(0.2)
        assert finished.exists(), started.communicate()[0].decode()[-4000:]
        kill_marked(_MARK, project)


@pytest.mark.slow
def test_a_search_by_mlflow_run_survives_the_plug(project: Path):
    _killed_after_the_ancestor(project)
    finished = run(project, *COMMAND, **{_MARK: str(project)})
    for said in ("best individuals", "evolve best", "mlflow ui", "going on after 1 finished"):
        assert said in finished.stdout + finished.stderr

    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    runs = {each.info.run_id: each for each in client.search_runs(["0"])}
    individuals = {int(each.data.tags["individual"]): each for each in runs.values() if "individual" in each.data.tags}
    assert sorted(individuals) == [0, 1, 2, 3, 4]  # the ancestor, its control, three children
    assert len(individuals) == sum("individual" in each.data.tags for each in runs.values())
    (search,) = {each.data.tags["mlflow.parentRunId"] for each in individuals.values()}
    assert runs[search].info.status == "FINISHED"
    assert all(each.info.status == "FINISHED" for each in individuals.values())
    assert {each.data.tags["parent"] for number, each in individuals.items() if number} == {"0"}
    assert {"fitness", "AP", "val_loss", "parameters_m"} <= individuals[3].data.metrics.keys()
    for registered in ("evopose2d-champion", "evopose2d-champion-service"):
        assert len(client.search_model_versions(f"name = '{registered}'")) == 1

    run(project, "evopose2d", "evolve", "best", "--write")
    written = yaml.safe_load((project / "params.yaml").read_text())
    best = individuals[int(runs[search].data.tags["winner"])]
    genes = [int(value) for name, value in sorted(best.data.params.items()) if re.match(r"b\d_", name)]
    assert sorted(genes) == sorted(gene for block in written["model"]["genotype"] for gene in block)
    weights, digest = read_pinned("train.initial_weights", written["train"]["initial_weights"])
    assert file_sha256(project / weights) == digest

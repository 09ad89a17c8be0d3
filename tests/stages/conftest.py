"""A copy of the project with settings so small that its stages take seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

_TINY = {
    "dataset.synthetic.train_images": 10,
    "dataset.synthetic.val_images": 5,
    "dataset.synthetic.test_images": 3,
    "model.genotype": [
        [3, 1, 1, 1],
        [3, 1, 1, 2],
        [3, 1, 2, 2],
        [3, 1, 2, 2],
        [3, 1, 2, 1],
        [3, 1, 2, 1],
        [3, 1, 2, 1],
    ],
    "model.input_shape": [64, 64],
    "model.head_channels": 8,
    "write_tfrecords.people_per_shard": 16,
    "train.epochs": 2,
    "train.batch_size": 8,
    "train.learning_rate": 0.01,
    "validate.batch_size": 8,
    "validate.pictures": 4,
    "tracking.log_model": False,
}


def change_params(folder: Path, changes: dict) -> None:
    """Rewrite values of a project's params.yaml."""
    content = yaml.safe_load((folder / "params.yaml").read_text())
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = content
        for step in sections:
            section = section[step]
        assert name in section, key
        section[name] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def run(folder: Path, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in a project."""
    finished = subprocess.run(
        command, cwd=folder, env=environment_of(**environment), capture_output=True, text=True, timeout=600
    )
    assert not check or finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
    return finished


def environment_of(**changes: str) -> dict[str, str]:
    """Give the environment of a stage: the commands of this Python first, no MLflow run to join."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | changes


def make_project(folder: Path, root: Path) -> Path:
    """Copy what a clone of the project has that its stages need, with tiny settings."""
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", "synthetic", "coco2017"):
        shutil.copy(root / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "src", folder / "src", ignore=ignored)
    change_params(folder, _TINY)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    """A project in git and DVC whose pipeline has been reproduced once."""
    folder = make_project(tmp_path_factory.mktemp("project"), project_root)
    for command in (
        ["git", "init", "-q"],
        ["git", "config", "user.email", "tests@example.org"],
        ["git", "config", "user.name", "tests"],
        ["dvc", "init", "-q"],
        ["dvc", "config", "core.analytics", "false"],
        ["dvc", "config", "core.check_update", "false"],
        ["git", "add", "."],
        ["git", "commit", "-qm", "start"],
        ["dvc", "repro"],
        ["git", "add", "."],
        ["git", "commit", "-qm", "baseline"],
    ):
        run(folder, *command)
    return folder

"""Stages on several devices of the JAX backend against one: virtual ones of the CPU, each in processes of its own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.stages.conftest import make_project, run

pytestmark = pytest.mark.slow

_GENOTYPE = [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 1, 2], [3, 1, 1, 2], [3, 1, 1, 1], [3, 1, 1, 1], [3, 1, 1, 1]]
_SETTINGS = [
    f"model.genotype={json.dumps(_GENOTYPE)}",
    "train.learning_rate=0.001",
    f"evolve.ancestor={json.dumps(_GENOTYPE)}",
    "evolve.generations=1",
    "evolve.children=1",
    "evolve.parents=1",
    "evolve.controls=false",
    "evolve.finalists=0",
    "evolve.ancestor_epochs=1",
    "evolve.batch_size=8",
    "evolve.learning_rate=0.001",
]
# XLA's own effort would take most of the time.
_QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def _environment(devices: int) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={devices} {_QUICKLY}"
    return {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    folder = make_project(tmp_path_factory.mktemp("devices"), project_root)
    for stage in ("download", "write-tfrecords"):
        run(folder, "evopose2d", stage)
    (folder / "dvc.yaml").unlink()  # the data are there, and the folder is no DVC repository
    return folder


@pytest.fixture(scope="module")
def trained(project: Path) -> dict[int, dict[str, list[float]]]:
    """The course of a training and the figures of a validation, by the number of devices."""
    found = {}
    for devices in (1, 2):
        environment = _environment(devices)
        said = run(project, "evopose2d", "train", *_SETTINGS, **environment).stderr
        assert f"computing on {devices} cpu device(s), XLA on" in said
        with (project / "reports/train/history.csv").open() as file:
            rows = list(csv.DictReader(file))
        course = {name: [float(row[name]) for row in rows] for name in ("loss", "val_loss")}
        metrics = json.loads(run(project, "evopose2d", "validate", "--json", *_SETTINGS, **environment).stdout)
        found[devices] = course | {"validated": [metrics["val_loss"]]}
    return found


@pytest.mark.parametrize("name", ["loss", "val_loss", "validated"])
def test_training_and_validation_on_two_devices_follow_those_on_one(trained, name: str):
    """Also where batch statistics are over the whole batch alone: over half of it they would differ by percents."""
    np.testing.assert_allclose(trained[2][name], trained[1][name], rtol=1e-4)


def test_a_search_on_two_devices_follows_one_on_one(project: Path):
    fitness = {}
    for devices in (1, 2):
        root = f"search/{devices}"
        run(project, "evopose2d", "evolve", *_SETTINGS, f"evolve.root={root}", **_environment(devices))
        results = sorted((project / root).rglob("result.json"))
        fitness[devices] = [json.loads(path.read_text())["fitness"] for path in results]
    assert len(fitness[1]) == 2
    np.testing.assert_allclose(fitness[2], fitness[1], rtol=1e-4)


def test_a_batch_that_does_not_divide_among_the_devices_is_refused(project: Path):
    finished = run(project, "evopose2d", "train", *_SETTINGS, "train.batch_size=7", check=False, **_environment(2))
    assert finished.returncode == 2
    assert "train.batch_size: got 7, must be a multiple of the 2 devices" in finished.stderr
    assert "Traceback" not in finished.stderr

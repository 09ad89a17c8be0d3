"""The stages on the JAX backend of a machine that has no TensorFlow."""

import json
import sys
from pathlib import Path

import pytest
from tests.stages.conftest import make_project, run

pytestmark = pytest.mark.slow

# Python imports it at its start, in the commands and in all processes that they start.
_BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
"""
_SEARCH = [
    "evolve.ancestor=[[3,1,1,1],[3,1,1,2],[3,1,1,2],[3,1,1,2],[3,1,1,1],[3,1,1,1],[3,1,1,1]]",
    "evolve.generations=2",
    "evolve.children=1",
    "evolve.parents=1",
    "evolve.controls=false",
    "evolve.finalists=0",
    "evolve.workers=1",
    "evolve.ancestor_epochs=1",
    "evolve.child_epochs=1",
    "evolve.batch_size=8",
    "evolve.learning_rate=0.001",
    "train.accumulation=2",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    folder = make_project(tmp_path_factory.mktemp("without"), project_root)
    (folder / "dvc.yaml").unlink()  # the folder is no DVC repository
    (folder / "block").mkdir()
    (folder / "block/sitecustomize.py").write_text(_BLOCK)
    assert run(folder, sys.executable, "-c", "import tensorflow", check=False, **_environment(folder)).returncode == 1
    for stage in ("download", "write-tfrecords"):
        run(folder, "evopose2d", stage, **_environment(folder))
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{folder / 'block'}:{folder / 'src'}",
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        # XLA's own effort would take most of the time.
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    }


def test_a_network_is_trained_and_validated(project: Path):
    environment = _environment(project)
    trained = json.loads(run(project, "evopose2d", "train", "--json", *_SEARCH[-1:], **environment).stdout)
    validated = json.loads(run(project, "evopose2d", "validate", "--json", **environment).stdout)
    assert validated["val_loss"] == pytest.approx(trained["val_loss"], rel=1e-4)
    assert (project / "models/pose/network.weights.h5").exists()


def test_networks_are_evolved_and_are_those_of_the_same_search_through_tensorflow(project: Path):
    """As long as ranks agree, which the second generation's parent depends on."""
    found = {}
    for backend, environment in (("jax", _environment(project)), ("tensorflow", {"KERAS_BACKEND": "tensorflow"})):
        root = project / f"search/{backend}"
        run(project, "evopose2d", "evolve", *_SEARCH[:-1], f"evolve.root={root}", **environment)
        found[backend] = [json.loads(path.read_text()) for path in sorted(root.rglob("result.json"))]
    genotypes = {backend: [result["genotype"] for result in results] for backend, results in found.items()}
    assert len(genotypes["jax"]) == 3
    assert genotypes["jax"] == genotypes["tensorflow"]
    fitness = {backend: [result["fitness"] for result in results] for backend, results in found.items()}
    assert fitness["jax"] == pytest.approx(fitness["tensorflow"], rel=1e-4)


def test_devices_says_that_tensorflow_is_not_there(project: Path):
    told = json.loads(run(project, "evopose2d", "devices", "--json", **_environment(project)).stdout)
    assert told["backend"] == "jax"
    assert told["tensorflow"]["devices"] == []
    assert told["tensorflow"]["error"].startswith("not installed")
    assert told["jax"]["devices"] == ["CPU cpu"]

"""A member of a front is registered on a real MLflow server, by the command that users type."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pytest
import requests
from mlflow import MlflowClient
from search_doubles import PARAMS_FILE, SMALL, TINY_ANCESTOR, InlineEngine, make_params, pretend_to_train
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import individual_params
from evopose2d.evolution.results.archive import read_search
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.build import build_network
from evopose2d.weights import save_weights

_PATIENCE = 240.0  # seconds until a server is there
FRONT = (
    f"evolve.ancestor={TINY_ANCESTOR}",
    "evolve.objectives=[val_loss,parameters]",
    "evolve.generations=1",
    "evolve.children=1",
    "evolve.parents=1",
    "model.input_shape=[64,64]",
    "model.head_channels=8",
)


@pytest.fixture
def server(mlflow_uri, tmp_path):
    """Address of a server of its own, which ends with all of its processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"--host": "127.0.0.1", "--port": port, "--workers": 1, "--backend-store-uri": mlflow_uri}
    options |= {"--artifacts-destination": tmp_path / "artifacts"}
    given = [str(part) for option in options.items() for part in option]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *given],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + _PATIENCE
        while not _answers(address):
            assert process.poll() is None and time.monotonic() < end, "the server does not start"
            time.sleep(0.5)
        before = mlflow.get_tracking_uri()
        yield address
        mlflow.set_tracking_uri(before)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(address):
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.RequestException:
        return False


def _trained(spec, params, weights, *, folder):
    """Give made-up results with weights that really are the network's."""
    result, _ = pretend_to_train(spec, params, weights)
    file = folder / f"{spec.number}.weights.h5"
    save_weights(build_network(individual_params(params, spec).model, COCO_PERSON.count, seed=spec.number), file)
    return result, file.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_member_of_a_front_is_registered_once_and_served(server, tmp_path: Path):
    overrides = [*FRONT, f"tracking.uri={server}", "tracking.log_model=false"]
    params = make_params(tmp_path, *overrides)
    search.run(params, engine=partial(InlineEngine, trainer=partial(_trained, folder=tmp_path)))
    places = (f"evolve.root={params.evolve.root}", f"write_tfrecords.root={params.write_tfrecords.root}")
    command = ["evolve", "best", *SMALL, *overrides, *places, "--params", str(PARAMS_FILE)]
    for _ in range(2):  # the second time, it is there
        done = CliRunner().invoke(app, ["-q", *command, "--number", "1", "--register", "my-front"])
        assert done.exit_code == 0, done.output
    client = MlflowClient(server)
    (version,) = client.search_model_versions("name = 'my-front'")
    assert version.tags["individual"] == "1"
    mlflow.set_tracking_uri(server)
    model = mlflow.keras.load_model(f"models:/my-front/{version.version}")
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    member = replace(params.model, **read_search(Path(params.evolve.root)).results[1].genotype.model_settings)
    expected = build_network(member, COCO_PERSON.count, seed=1)(images)
    np.testing.assert_allclose(model(images), expected, atol=1e-3)

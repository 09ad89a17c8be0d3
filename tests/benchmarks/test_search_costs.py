import json
from dataclasses import astuple
from functools import partial

import pytest
from benchmarks.__main__ import app
from benchmarks.individual_costs import measured
from benchmarks.original_start import OriginalStart, start_original
from benchmarks.stamps import WorkerStamps
from tests.evolution.search_doubles import TINY_ANCESTOR, InlineEngine
from typer.testing import CliRunner

from benchmarks import search_costs
from evopose2d.config.loading import load_params
from evopose2d.errors import DataError, TrainingError
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.genotype import Genotype
from evopose2d.training.result import EpochResult

TINY = (
    "write_tfrecords.workers=1",
    "model.input_shape=[64,64]",
    "model.head_channels=8",
    f"evolve.ancestor={TINY_ANCESTOR}",
    "evolve.batch_size=4",
    "evolve.workers=1",
    "tracking.log_model=false",
)


def in_this_process(params, trainer):
    return InlineEngine(params, trainer, slots=1)


def test_parts_add_up_from_dispatch_to_tracking():
    epochs = tuple(EpochResult(n, 1.0, 1.0, 0.5, 1e-3, 4.0, seconds) for n, seconds in ((1, 25.0), (2, 7.0)))
    genotype = Genotype.from_lists(TINY_ANCESTOR)
    result = IndividualResult(3, 1, 0, "", genotype, 0, epochs, 1.0, 10, 10, 40.0, "here")
    # Two steps of eight people an epoch, four people a second: 4 s of training, 21 s and 3 s of validation.
    steps = [("step", when) for when in (18.0, 20.0, 43.0, 45.0)]
    worker = [("received", 2.0), ("imported", 7.0), ("built", 8.0), ("initialised", 9.0), *steps, ("returned", 51.0)]
    driver = {"dispatched": 0.0, "collected": 51.5, "settled": 52.0, "tracking": 52.0, "tracked": 55.0}

    found = measured(result, WorkerStamps(1, worker, 11.0), driver, batch_size=8, val_people=6)

    #                            sending ... second step, start-up and its CPU, first validation ... tracking, besides
    assert astuple(found.costs) == (2.0, 5.0, 1.0, 1.0, 9.0, 2.0, 20.0, 11.0, 18.0, 3.0, 0.5, 0.5, 3.0, 25.0)
    assert astuple(found.pace) == (2.0, 0.5)


@pytest.mark.slow
def test_a_small_search_is_timed(project_root, mlflow_uri, monkeypatch, tmp_path):
    # In this process, which has imported TensorFlow already, and with a database that is there.
    there = {"workers": in_this_process, "tracking_uri": mlflow_uri}
    monkeypatch.setattr(search_costs, "measure", partial(search_costs.measure, **there))
    start = OriginalStart(3.0, 2.0)
    monkeypatch.setattr(search_costs, "start_original", lambda params, environment, processes: [start] * processes)
    command = ["evolve", *TINY, "--trained", "2", "--images", "5", "--rounds", "2", "--json"]
    out = tmp_path / "costs.json"
    ended = CliRunner().invoke(app, [*command, "--out", str(out), "--params", str(project_root / "params.yaml")])
    assert ended.exception is None, ended.output
    content = json.loads(ended.stdout)
    assert json.loads(out.read_text()) == content

    assert content["original"] == [{"seconds": 3.0, "cpu_seconds": 2.0}] * 2
    assert [each["number"] for each in content["individuals"]] == [0, 1, 2]
    for each in content["individuals"]:
        costs = each["costs"]
        parts = ("sending", "importing", "building", "inheriting", "first_step", "second_step")
        assert all(costs[part] >= 0 for part in (*parts, "returning", "keeping", "tracking"))
        assert sum(costs[part] for part in parts) == pytest.approx(costs["start_up"])
        assert each["pace"]["step"] > 0
    rows = {row["part"]: row for row in content["rows"]}
    assert rows["start_up"]["of_original"] == pytest.approx(rows["start_up"]["later"] / 3.0)
    assert rows["start_up_cpu"]["of_original"] == pytest.approx(rows["start_up_cpu"]["later"] / 2.0)
    assert all(row["least"] <= row["later"] <= row["most"] for row in content["rows"])
    assert 0 < content["whole"]["start_up_share"] < content["whole"]["share"] < 1


def test_too_few_images_are_told(project_root):
    params = load_params(project_root / "params.yaml", [*TINY, "evolve.batch_size=64"])
    with pytest.raises(DataError, match="--images 2: drew"):
        search_costs.measure(params, children=2, images=2, rounds=0)


@pytest.mark.slow
def test_the_original_is_started_and_timed(project_root):
    pytest.importorskip("tf_keras")
    genotype = [override.replace("evolve.ancestor", "model.genotype") for override in TINY if "ancestor" in override]
    params = load_params(project_root / "params.yaml", [*TINY, *genotype, "train.batch_size=2"])
    (start,) = start_original(params, {"OMP_NUM_THREADS": "1"}, processes=1)
    assert start.seconds > 0
    assert start.cpu_seconds > 0


def test_a_process_of_the_original_that_ends_is_told(project_root):
    pytest.importorskip("tf_keras")
    params = load_params(project_root / "params.yaml", list(TINY))
    broken = {"PYTHONPATH": "", "PYTHONHOME": "/nowhere"}
    with pytest.raises(TrainingError, match="ended before its second step"):
        start_original(params, broken, processes=1)

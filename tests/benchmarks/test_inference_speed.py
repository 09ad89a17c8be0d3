import json

import pytest
from tests.prediction.conftest import config
from typer.testing import CliRunner

from evopose2d.benchmarks.inference import END_TO_END, NETWORK, measure
from evopose2d.cli.app import app
from evopose2d.keypoints import COCO_PERSON
from evopose2d.stages.pose_model import PoseModel


@pytest.fixture(scope="module")
def model():
    from evopose2d.networks.build import build_network

    return PoseModel(build_network(config(), 17, seed=0), config(), COCO_PERSON, 2.0)


@pytest.mark.slow
def test_each_batch_size_is_measured_in_both_ways(model):
    speeds = list(measure(model, [1, 3], repeats=2, warm_up=1, flip_test=True, decoding="dark", coordinates="exact"))

    assert [(speed.part, speed.batch_size) for speed in speeds] == [
        (NETWORK, 1),
        (END_TO_END, 1),
        (NETWORK, 3),
        (END_TO_END, 3),
    ]
    for speed in speeds:
        assert 0 < speed.p50_ms <= speed.p90_ms <= speed.p99_ms
        # Two calls: their mean is their median.
        assert speed.images_per_second == pytest.approx(1000 * speed.batch_size / speed.p50_ms)
        assert speed.first_call_s > 0


@pytest.mark.slow
def test_the_command_takes_a_configuration(project_root):
    ended = CliRunner().invoke(
        app,
        [
            *("benchmark", "inference", "model.input_shape=[64,64]", "--params", str(project_root / "params.yaml")),
            *("--batch-size", "2", "--repeats", "1", "--warm-up", "1", "--device", "cpu", "--json"),
        ],
    )

    assert ended.exception is None, ended.output
    rows = json.loads(ended.stdout)
    assert [row["part"] for row in rows] == [NETWORK, END_TO_END]
    assert {row["batch_size"] for row in rows} == {2}

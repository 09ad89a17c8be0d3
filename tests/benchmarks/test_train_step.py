"""The training step of a tiny network, each variant in a process of its own."""

import math

import pytest
from benchmarks.train_step import measure, step_process
from benchmarks.training_process import ORIGINAL, PLAIN, PROJECT

from evopose2d.errors import TrainingError

_TINY = (
    "model.input_shape=[32,32]",
    "model.head_channels=8",
    "model.genotype=[[3,1,1,1],[3,1,1,2],[5,1,1,2],[3,1,1,2],[3,1,1,1],[3,1,1,1],[3,1,1,1]]",
    "train.batch_size=2",
)


def _measure(project_root, **changes):
    settings = {"architecture": "evopose2d", "batch_size": 2, "repeats": 2, "warm_up": 1, "starts": 1} | changes
    return measure(project_root / "params.yaml", _TINY, **settings)


@pytest.mark.slow
def test_every_variant_is_measured(project_root):
    pytest.importorskip("tf_keras")
    speeds = _measure(project_root)
    assert [speed.variant for speed in speeds] == [ORIGINAL, PLAIN, PROJECT]
    assert speeds[0].ratio == speeds[0].cpu_ratio == 1.0
    for speed in speeds:
        assert speed.images_per_second == pytest.approx(2 / speed.median_s)
        assert speed.second_step_s > speed.median_s
        assert speed.peak_mb > 100
        assert 0 < speed.of_matrix_product < 1
        assert 0 < speed.loss < math.inf


@pytest.mark.slow
def test_other_backends_are_measured_without_the_original(project_root, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (speed,) = _measure(project_root)
    assert (speed.variant, speed.ratio) == (PROJECT, 1.0)
    assert 0 < speed.loss < math.inf


def test_a_process_that_ends_is_named(project_root):
    with pytest.raises(TrainingError, match="process of 'this project' ended"):
        measure(
            project_root / "params.yaml",
            ["train.batch_size=0"],
            architecture="hrnet",
            batch_size=0,
            repeats=1,
            warm_up=1,
            starts=1,
        )


def test_a_process_that_hangs_is_killed(project_root):
    with (
        pytest.raises(TrainingError, match="'this project' took more than 1 s"),
        step_process(PROJECT, project_root / "params.yaml", _TINY, limit=0.6),
    ):
        pytest.fail("it was ready before anything can be")

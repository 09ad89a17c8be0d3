"""The training loop: resuming, the best epoch, losses that are no numbers, several devices, JAX."""

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from tests.training.conftest import ArrayBatches, epoch_batches

from evopose2d import progress
from evopose2d.accelerator import Accelerator
from evopose2d.errors import DataError, TrainingError
from evopose2d.networks.drop_connect import DropConnect
from evopose2d.training.loop import train

_CPU = Accelerator(device="cpu", replicas=1, jit_compile=False)


def _weights(network: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in network.weights]


@pytest.mark.slow
def test_training_lowers_the_loss_and_keeps_the_best_epoch(make_task, tmp_path: Path):
    task = make_task(epochs=6)
    result = train(task, _CPU, tmp_path)
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3, 4, 5, 6]
    assert result.epochs[-1].loss < result.epochs[0].loss
    assert result.best.val_loss == min(epoch.val_loss for epoch in result.epochs)
    assert result.epochs[-1].learning_rate < result.epochs[1].learning_rate
    with h5py.File(result.best_weights) as file:
        assert "final_conv" in file


@pytest.mark.slow
def test_progress_is_logged_where_there_is_no_terminal(make_task, tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    with caplog.at_level(logging.INFO, "evopose2d"):
        train(make_task(epochs=2), _CPU, tmp_path)
    lines = [message for message in caplog.messages if message.startswith("epoch 2/2: 3 of 3 steps")]
    assert lines
    assert re.search(r"loss \d+\.\d, \d+ images/s, 0 s of training left", lines[-1])


class _KilledError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("finished", [1, 3])
def test_resumed_run_ends_as_an_unbroken_one(make_task, tmp_path: Path, finished: int):
    unbroken = make_task()
    expected = train(unbroken, _CPU, tmp_path / "unbroken")

    def kill(epoch):
        if epoch.epoch == finished:
            raise _KilledError

    with pytest.raises(_KilledError):
        train(make_task(), _CPU, tmp_path / "broken", on_epoch=kill)
    resumed = make_task()
    result = train(resumed, _CPU, tmp_path / "broken")
    for ours, theirs in zip(_weights(resumed.network), _weights(unbroken.network), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [epoch.loss for epoch in result.epochs] == [epoch.loss for epoch in expected.epochs]
    assert result.best.epoch == expected.best.epoch


@pytest.mark.slow
def test_each_epoch_drops_others(make_task, tmp_path: Path):
    task = make_task()
    generators = [layer.seed_generator for layer in task.network.layers if isinstance(layer, DropConnect)]
    assert generators
    drawn = []
    train(task, _CPU, tmp_path, lambda _: drawn.append(tuple(int(each.state[0]) for each in generators)))
    assert len(set(drawn)) == 4


@pytest.mark.slow
def test_finished_run_is_not_trained_again(make_task, tmp_path: Path):
    first = train(make_task(), _CPU, tmp_path)
    assert train(make_task(), _CPU, tmp_path).epochs == first.epochs


@pytest.mark.slow
def test_run_that_need_not_be_resumed_leaves_the_best_weights_alone(make_task, tmp_path: Path):
    result = train(make_task(), _CPU, tmp_path, resumable=False)
    assert list(tmp_path.iterdir()) == [result.best_weights]
    assert result.epochs


@pytest.mark.slow
def test_loss_that_is_no_number_stops_with_advice(make_task, tmp_path: Path):
    with pytest.raises(TrainingError, match=r"epoch 1, step \d.*train\.learning_rate"):
        train(make_task(learning_rate=1e30, steps=8), _CPU, tmp_path)


@pytest.mark.slow
def test_damaged_records_are_named(make_task, tmp_path: Path):
    class Damaged(ArrayBatches):
        def __iter__(self):
            yield next(super().__iter__())
            raise DataError(f"{tmp_path}: a record file is cut short")

    with pytest.raises(DataError, match=f"^{tmp_path}: a record file is cut short$"):
        train(replace(make_task(), batches=lambda _: Damaged(*epoch_batches(0, 4, 3))), _CPU, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_val_loss_that_is_no_number_stops_before_anything_of_its_epoch_is_kept(make_task, tmp_path: Path, bad: float):
    val_losses = iter([50.0, bad, 40.0, 30.0])
    task = replace(make_task(), validate=lambda: (next(val_losses), 0.5))
    kept = []
    with pytest.raises(TrainingError, match=rf"val loss became {bad} after epoch 2; .*train\.learning_rate"):
        train(task, _CPU, tmp_path, on_epoch=lambda epoch: kept.append(epoch.epoch))
    assert kept == [1]


def _run(code: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


_LOSSES = """
import pathlib, tempfile
{setup}
import keras
from evopose2d.accelerator import prepare
from evopose2d.config.schema import AcceleratorConfig
from evopose2d.networks import build
from evopose2d.training.loop import train
from tests.training import conftest
accelerator = prepare(AcceleratorConfig("cpu", "{precision}", "auto"))
assert accelerator.replicas == {devices}
with accelerator.scope():
    network = build.build_network(conftest.TINY, 3, seed=3, synchronized=accelerator.strategy is not None)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    task = conftest.make_task.__wrapped__()(network=network, learning_rate=0.001, accumulation={accumulation})
print(*(epoch.loss for epoch in train(task, accelerator, pathlib.Path(tempfile.mkdtemp())).epochs))
"""


def _losses(
    setup: str = "", devices: int = 1, precision: str = "float32", accumulation: int = 1, **environment: str
) -> list[float]:
    code = _LOSSES.format(setup=setup, devices=devices, precision=precision, accumulation=accumulation)
    return [float(word) for word in _run(code, **environment).split()]


_TWO_DEVICES = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
"""


@pytest.fixture(scope="module")
def one_device() -> list[float]:
    return _losses()


@pytest.mark.slow
def test_two_devices_follow_one(one_device: list[float]):
    np.testing.assert_allclose(_losses(setup=_TWO_DEVICES, devices=2), one_device, rtol=1e-4)


@pytest.mark.slow
def test_jax_follows_tensorflow(one_device: list[float]):
    np.testing.assert_allclose(
        _losses(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", XLA_FLAGS="--xla_backend_optimization_level=0"),
        one_device,
        rtol=1e-4,
    )


@pytest.mark.slow
def test_jax_adds_gradients_up_on_two_devices_as_tensorflow_does_on_one():
    flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    on_jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    np.testing.assert_allclose(_losses(devices=2, accumulation=2, **on_jax), _losses(accumulation=2), rtol=1e-4)


@pytest.mark.slow
def test_bfloat16_follows_float32(one_device: list[float]):
    losses = _losses(precision="bfloat16")
    assert losses != one_device
    np.testing.assert_allclose(losses, one_device, rtol=0.02)

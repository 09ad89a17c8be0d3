"""Steps in parts against whole ones."""

import keras
import numpy as np
import pytest
from tests.training.conftest import TINY, ArrayBatches, epoch_batches, train_config

from evopose2d.accelerator import Accelerator
from evopose2d.feeding import feed
from evopose2d.networks.build import build_network
from evopose2d.training.loop import TrainingTask, train
from evopose2d.training.model import trainable
from evopose2d.training.optimizer import AdamL2

_CPU = Accelerator(device="cpu", replicas=1, jit_compile=False)
_BATCH = 8


def _without_batch_statistics(network: keras.Model) -> keras.Model:
    """Have parts of a batch normalised as the whole is, and drop nothing: what is left is the mathematics."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return network


def _task(accumulation: int, **changes) -> TrainingTask:
    config = train_config(batch_size=_BATCH, accumulation=accumulation, **changes)
    network = _without_batch_statistics(build_network(TINY, 3, seed=3))

    def batches(first_epoch: int) -> ArrayBatches:
        parts = [epoch_batches(epoch, _BATCH, 2) for epoch in range(first_epoch, config.epochs)]
        return ArrayBatches(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return TrainingTask(network, batches, 2, lambda: (1.0, 0.5), config)


@pytest.fixture
def gradients(monkeypatch) -> list[list[np.ndarray]]:
    """The gradients of each optimizer step, as Adam gets them; recorded while steps run eagerly."""
    seen: list[list[np.ndarray]] = []
    take = AdamL2._backend_update_step

    def record(self, grads, variables, learning_rate):
        seen.append([np.asarray(each) for each in grads])
        take(self, grads, variables, learning_rate)

    monkeypatch.setattr(AdamL2, "_backend_update_step", record)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("accumulation", [2, 4])
def test_gradients_are_those_of_the_whole_batch(gradients, accumulation: int):
    for parts in (1, accumulation):
        task = _task(parts)
        model = trainable(task.network, task.config, steps_per_epoch=2)
        model.run_eagerly = True
        batch = next(iter(task.batches(0)))
        divided = ArrayBatches(*(np.stack(np.split(array, parts)) for array in batch))
        model.fit(feed(divided), epochs=1, steps_per_epoch=parts, shuffle=False, verbose=0)
    whole, in_parts = gradients  # a step each, however many parts it has
    scale = max(float(np.abs(each).max()) for each in whole)
    for ours, theirs in zip(in_parts, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "piecewise"])
def test_training_in_parts_is_the_same_training(tmp_path, schedule: str):
    results = []
    for parts in (1, 4):
        folder = tmp_path / str(parts)
        folder.mkdir()
        task = _task(parts, learning_rate=1e-3, schedule=schedule, drop_epochs=[2, 3])
        results.append((train(task, _CPU, folder), task.network.get_weights()))
    (whole, weights), (in_parts, weights_in_parts) = results
    rates = [[epoch.learning_rate for epoch in result.epochs] for result in (whole, in_parts)]
    np.testing.assert_allclose(*rates, rtol=1e-6)
    np.testing.assert_allclose(*([epoch.loss for epoch in each.epochs] for each in (whole, in_parts)), rtol=1e-4)
    moved = max(float(np.abs(each).max()) for each in weights)
    for ours, theirs in zip(weights_in_parts, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * moved)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_in_parts(tmp_path):
    class KilledError(Exception):
        pass

    def kill(epoch):
        if epoch.epoch == 2:
            raise KilledError

    unbroken = _task(2)
    expected = train(unbroken, _CPU, tmp_path)
    (tmp_path / "broken").mkdir()
    with pytest.raises(KilledError):
        train(_task(2), _CPU, tmp_path / "broken", on_epoch=kill)
    resumed = _task(2)
    result = train(resumed, _CPU, tmp_path / "broken")
    assert [epoch.loss for epoch in result.epochs] == [epoch.loss for epoch in expected.epochs]
    for ours, theirs in zip(resumed.network.get_weights(), unbroken.network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)

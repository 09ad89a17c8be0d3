"""Functions kept from one training for the next change nothing but the time that it takes."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tests.training import conftest as training
from tests.training.conftest import TINY

from evopose2d.accelerator import Accelerator
from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.networks.build import build_network
from evopose2d.networks.traced import TracedSegments
from evopose2d.training.loop import train

make_task = training.make_task  # a fixture
CPU = Accelerator(device="cpu", replicas=1, jit_compile=False)
LONGER = replace(TINY, genotype=[TINY.genotype[0], [3, 3, 1, 2], *TINY.genotype[2:]])
WIDER_KERNEL = replace(TINY, genotype=[*TINY.genotype[:3], [5, 1, 2, 2], *TINY.genotype[4:]])


@pytest.fixture
def trained(make_task, tmp_path: Path):
    def run(model=TINY, traced=None, accelerator=CPU, seed=4) -> tuple[list[float], list[np.ndarray]]:
        task = make_task(network=build_network(model, 3, seed=seed))
        result = train(task, accelerator, tmp_path / str(seed), resumable=False, traced=traced)
        return [epoch.loss for epoch in result.epochs], [np.asarray(weight) for weight in task.network.weights]

    (tmp_path / "4").mkdir()
    (tmp_path / "5").mkdir()
    return run


@pytest.mark.slow
@pytest.mark.parametrize("model", [TINY, LONGER, WIDER_KERNEL])
def test_networks_trained_from_anothers_functions_are_those_trained_alone(trained, model):
    traced = TracedSegments()
    trained(traced=traced, seed=5)
    losses, weights = trained(model, traced)
    expected_losses, expected = trained(model)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    for got, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_only_what_no_network_before_had_is_traced(trained):
    traced = TracedSegments()
    trained(traced=traced)
    kinds = len(traced)
    trained(LONGER, traced)
    assert len(traced) == kinds  # a repeat more, and with it other drop-connect rates
    trained(WIDER_KERNEL, traced)
    assert len(traced) == kinds + 1


@pytest.mark.slow
def test_no_more_functions_are_kept_than_allowed(trained):
    traced = TracedSegments(capacity=3)
    trained(traced=traced)
    assert len(traced) == 3
    traced.forget()
    assert len(traced) == 0


@pytest.mark.slow
def test_kept_functions_do_not_hold_on_to_the_network(make_task, tmp_path: Path):
    traced = TracedSegments()
    task = make_task(epochs=2)
    network = weakref.ref(task.network.get_layer("block2a_expand_conv"))
    train(task, CPU, tmp_path, resumable=False, traced=traced)
    del task
    keras.utils.clear_session()
    gc.collect()
    assert len(traced)
    assert network() is None


@pytest.mark.slow
def test_functions_are_passed_over_under_xla_and_in_mixed_precision(trained):
    traced = TracedSegments()
    trained(traced=traced, accelerator=replace(CPU, jit_compile=True))
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trained(traced=traced)
    finally:
        keras.config.set_dtype_policy(policy)
    assert len(traced) == 0


def _predicted(network: keras.Model, traced: TracedSegments | None, flip_test: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    people = {
        "images": rng.integers(0, 256, (6, 32, 32, 3), np.uint8),
        "keypoints": rng.uniform(0, 32, (6, 3, 3)).astype(np.float32),
    }
    predictor = PosePredictor(network, (1, 0, 2), Decoding(flip_test=flip_test), sigma=8.0, stride=4, traced=traced)
    return predictor.predict(people, batch_size=3, verbose=0)


def test_predictions_by_kept_functions_are_those_of_a_whole_graph():
    traced = TracedSegments()
    for model, new in ((TINY, True), (LONGER, False), (WIDER_KERNEL, True)):
        network = build_network(model, 3, seed=4)
        known = len(traced)
        found = _predicted(network, traced)
        assert (len(traced) > known) == new
        for name, expected in _predicted(network, None).items():
            np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-5)


def test_predictions_follow_weights_that_change():
    traced, network = TracedSegments(), build_network(TINY, 3, seed=4)
    before = _predicted(network, traced)["loss"]
    network.set_weights([weight * 1.1 for weight in network.get_weights()])
    assert np.abs(_predicted(network, traced)["loss"] - before).min() > 0


def test_predictions_change_no_variable_and_leave_training_its_functions(trained):
    traced, network = TracedSegments(), build_network(TINY, 3, seed=4)
    before = network.get_weights()
    _predicted(network, traced)
    for weight, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
    np.testing.assert_allclose(trained(traced=traced)[0], trained()[0], rtol=1e-6)


def test_a_flip_test_takes_the_whole_graph():
    traced = TracedSegments()
    _predicted(build_network(TINY, 3, seed=4), traced, flip_test=True)
    assert len(traced) == 0

"""L2 through the gradient against L2 through the loss."""

import keras
import numpy as np
import pytest
from tests.training.conftest import TINY

from evopose2d.networks.build import build_network
from evopose2d.training.optimizer import AdamL2, convolution_kernels


def test_steps_equal_those_with_the_penalty_in_the_loss():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(2, 3)).astype(np.float32)
    ours, plain = keras.Variable(start, name="kernel"), keras.Variable(start, name="kernel")
    adam, keras_adam = AdamL2(0.1, l2=0.05, decayed=[ours.path]), keras.optimizers.Adam(0.1)
    for _ in range(4):
        gradient = rng.normal(size=(2, 3)).astype(np.float32)
        penalised = gradient + 2 * 0.05 * plain.numpy()
        adam.apply([keras.ops.array(gradient)], [ours])
        keras_adam.apply([keras.ops.array(penalised)], [plain])
        np.testing.assert_allclose(ours.numpy(), plain.numpy(), atol=3e-6)
    own, theirs = _state(adam), _state(keras_adam)
    assert list(own) == list(theirs)
    for name, values in own.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4)


def test_state_is_that_of_keras_and_goes_on_there_and_back():
    rng = np.random.default_rng(0)
    shapes = ((2, 3), (), (4,))
    gradients = [[rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(6)]

    def train(optimizers: list[keras.optimizers.Optimizer]) -> list[np.ndarray]:
        """Take two steps by each optimizer in turn, each from the state of the one before."""
        variables = [keras.Variable(np.ones(shape, np.float32), name=f"v{n}") for n, shape in enumerate(shapes)]
        for turn, optimizer in enumerate(optimizers):
            optimizer.build(variables)
            if turn:
                optimizer.load_own_variables(_state(optimizers[turn - 1]))
            for step in gradients[2 * turn : 2 * turn + 2]:
                optimizer.apply([keras.ops.array(gradient) for gradient in step], variables)
        return [variable.numpy() for variable in variables]

    def ours() -> AdamL2:
        return AdamL2(0.1, l2=0.0, decayed=[])

    mixed = train([ours(), keras.optimizers.Adam(0.1), ours()])
    for values, expected in zip(mixed, train([keras.optimizers.Adam(0.1) for _ in range(3)]), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="on TensorFlow alone")
def test_moments_of_all_variables_are_held_together():
    optimizer = AdamL2(0.1, l2=0.0, decayed=[])
    optimizer.build([keras.Variable(np.ones(3, np.float32)) for _ in range(20)])
    assert len(optimizer.variables) < 10


def _state(optimizer: keras.optimizers.Optimizer) -> dict[str, np.ndarray]:
    state: dict[str, np.ndarray] = {}
    optimizer.save_own_variables(state)
    return state


def test_variables_that_are_not_named_do_not_decay():
    start, gradient = np.ones(3, np.float32), np.zeros(3, np.float32)
    decayed, free = keras.Variable(start, name="a"), keras.Variable(start, name="b")
    AdamL2(0.1, l2=0.05, decayed=[decayed.path]).apply([keras.ops.array(gradient)] * 2, [decayed, free])
    assert (decayed.numpy() < start).all()
    np.testing.assert_array_equal(free.numpy(), start)


def test_kernels_of_convolutions_decay_and_no_others():
    network = build_network(TINY, 3, seed=0)
    kernels = [variable.path for variable in network.trainable_variables if len(variable.shape) == 4]
    decayed = convolution_kernels(network)
    assert decayed == [path for path in kernels if "dwconv" not in path]
    assert {path.split("/")[0].removeprefix("block2a_") for path in decayed} >= {
        "stem_conv", "expand_conv", "se_reduce", "se_expand", "project_conv", "head_block1_conv", "final_conv"
    }  # fmt: skip


def test_variables_of_two_trainings_have_the_same_names():
    def names() -> list[str]:
        network = build_network(TINY, 3, seed=1)
        optimizer = AdamL2(0.01, l2=1e-5, decayed=convolution_kernels(network))
        optimizer.build(network.trainable_variables)
        return [variable.path for variable in optimizer.variables]

    assert names() == names()

"""L2 through the gradient against L2 through the loss."""

import keras
import numpy as np
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
    for own, theirs in zip(adam.variables, keras_adam.variables, strict=True):
        np.testing.assert_allclose(own.numpy(), theirs.numpy(), rtol=1e-4)


def test_variables_that_are_not_named_do_not_decay():
    start, gradient = np.ones(3, np.float32), np.zeros(3, np.float32)
    decayed, free = keras.Variable(start, name="a"), keras.Variable(start, name="b")
    AdamL2(0.1, l2=0.05, decayed=[decayed.path]).apply([keras.ops.array(gradient)] * 2, [decayed, free])
    assert (decayed.numpy() < start).all()
    np.testing.assert_array_equal(free.numpy(), start)


def test_kernels_of_convolutions_decay_and_no_others():
    network = build_network(TINY, 3, seed=0)
    names = {path.split("/")[-2] for path in convolution_kernels(network)}
    assert {
        "stem_conv",
        "block2a_expand_conv",
        "block2a_se_reduce",
        "head_block1_conv",
        "final_conv",
    } <= names
    assert not any("dwconv" in name or "bn" in name for name in names)
    assert all(path.endswith("/kernel") for path in convolution_kernels(network))


def test_variables_of_two_trainings_have_the_same_names():
    def names() -> list[str]:
        network = build_network(TINY, 3, seed=1)
        optimizer = AdamL2(0.01, l2=1e-5, decayed=convolution_kernels(network))
        optimizer.build(network.trainable_variables)
        return [variable.path for variable in optimizer.variables]

    assert names() == names()

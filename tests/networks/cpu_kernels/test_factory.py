"""A network of plain layers and one of the CPU's: the same weights, the same function, the same gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.architecture import Output
from evopose2d.networks.build import build, build_network
from evopose2d.networks.cpu_kernels import CpuLayerFactory, are_faster
from evopose2d.networks.families.evopose2d import describe, evopose2d
from evopose2d.networks.layers import LayerFactory

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the gradients are TensorFlow's")


def _built(model, factory: type[LayerFactory]) -> keras.Model:
    spec = describe(model, 5)
    return build(
        lambda operations, images: [Output(evopose2d(operations, images, spec))], spec.input_shape, "test", factory(3)
    ).network


@tf.function
def _gradients(network: keras.Model, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
        heatmaps = network(images, training=True)
        loss = tf.reduce_mean(tf.sin(heatmaps))
    return heatmaps, tape.gradient(loss, [variable.value for variable in network.trainable_variables])


@pytest.mark.slow
def test_both_ways_compute_the_same(small_model):
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 32, 3)).astype("float32")
    plain, ours = _built(small_model, LayerFactory), _built(small_model, CpuLayerFactory)

    assert [type(layer) for layer in plain.layers] != [type(layer) for layer in ours.layers]
    assert [layer.name for layer in plain.layers] == [layer.name for layer in ours.layers]
    for one, other in zip(plain.weights, ours.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(ours(images), plain(images), atol=1e-5)
    (expected, by_plain), (heatmaps, by_ours) = _gradients(plain, images), _gradients(ours, images)
    np.testing.assert_allclose(heatmaps, expected, atol=1e-4 * np.abs(expected).max())
    for variable, one, other in zip(plain.trainable_variables, by_plain, by_ours, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-3 * np.abs(one).max() + 1e-7, err_msg=variable.path)


def test_off_in_mixed_precision_and_beside_a_gpu(small_model, monkeypatch):
    def kinds() -> set[str]:
        return {type(layer).__module__ for layer in build_network(small_model, 5, seed=0).layers}

    folder = "evopose2d.networks.cpu_kernels."
    assert are_faster() and any(module.startswith(folder) for module in kinds())
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert not any(module.startswith(folder) for module in kinds())
    finally:
        keras.config.set_dtype_policy(policy)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["a device"] if kind == "GPU" else [])
    assert not any(module.startswith(folder) for module in kinds())

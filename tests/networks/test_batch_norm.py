import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.batch_norm import FusedBatchNormalization

_RNG = np.random.default_rng(5)
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fused on TensorFlow alone")


def _pair(channels=6, **arguments):
    layers = [FusedBatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)]
    values = [_RNG.uniform(0.5, 2, channels).astype("float32") for _ in range(4)]
    for layer in layers:
        layer.build((None, 4, 3, channels))
        layer.set_weights(values)
    return layers


def _images(batch=5, channels=6):
    return (_RNG.normal(size=(batch, 4, 3, channels)) * 3 + 2).astype("float32")


def _trace(layer, images, *, training, **arguments):
    """Give output, gradients of a loss that weighs the outputs, and the moving statistics afterwards."""
    weights = tf.constant(np.linspace(-1, 1, images.size).reshape(images.shape), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, *images.shape[1:]))], **arguments)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
        return outputs, tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])

    outputs, gradients = step(tf.constant(images))
    return [np.asarray(tensor, "float32") for tensor in (outputs, *gradients, *layer.get_weights())]


@pytest.mark.parametrize("arguments", [{}, {"jit_compile": True}], ids=["graph", "xla"])
@pytest.mark.parametrize("training", [True, False])
def test_equals_keras(training, arguments):
    fused, plain = _pair()
    images = _images()
    before = fused.get_weights()

    for own, theirs in zip(
        _trace(fused, images, training=training, **arguments),
        _trace(plain, images, training=training),
        strict=True,
    ):
        np.testing.assert_allclose(own, theirs, atol=2e-5, rtol=2e-5)
    changed = not np.array_equal(before[2], fused.get_weights()[2])
    assert changed == training


def test_runs_one_fused_kernel():
    fused, plain = _pair()

    def kernels(layer):
        function = tf.function(lambda inputs: layer(inputs, training=True))
        return {op.type for op in function.get_concrete_function(tf.TensorSpec((None, 4, 3, 6))).graph.get_operations()}

    assert "FusedBatchNormV3" in kernels(fused)
    assert "FusedBatchNormV3" not in kernels(plain)


def test_frozen_layer_uses_and_keeps_its_moving_statistics():
    fused, plain = _pair()
    fused.trainable = plain.trainable = False
    images = _images()

    np.testing.assert_allclose(fused(images, training=True), plain(images, training=True), atol=1e-5)
    np.testing.assert_array_equal(fused.moving_mean, plain.moving_mean)


def test_one_value_a_channel_leaves_finite_statistics():
    fused, plain = _pair()
    image = _images(batch=1)[:, :1, :1]
    for layer in (fused, plain):
        layer(image, training=True)

    np.testing.assert_allclose(fused.moving_variance, plain.moving_variance, rtol=1e-5)


def test_bfloat16_keeps_float32_statistics():
    fused, plain = _pair(dtype="mixed_bfloat16")
    images = tf.cast(_images(), tf.bfloat16)
    own, theirs = (layer(images, training=True) for layer in (fused, plain))

    assert own.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(own, tf.float32), tf.cast(theirs, tf.float32), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(fused.moving_variance, plain.moving_variance, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "shape"), [({"axis": 1}, (2, 6, 4, 3)), ({"scale": False}, (2, 4, 3, 6)), ({}, (2, 6))]
)
def test_other_uses_fall_back_to_keras(arguments, shape):
    inputs = _RNG.normal(size=shape).astype("float32")
    fused, plain = FusedBatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)

    np.testing.assert_allclose(fused(inputs, training=True), plain(inputs, training=True), atol=1e-6)


def test_is_registered_for_saving():
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(FusedBatchNormalization(name="stem_bn"))
    )

    assert isinstance(layer, FusedBatchNormalization)
    assert (layer.name, layer.momentum, layer.epsilon) == ("stem_bn", 0.99, 1e-3)

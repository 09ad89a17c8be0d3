"""The depthwise convolution against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.cpu_kernels.depthwise import DepthwiseConvolution

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its gradient is TensorFlow's")


def _value_and_gradients(layer: keras.Layer, features: tf.Tensor) -> list[tf.Tensor]:
    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(features)
            outputs = layer(features)
            loss = tf.reduce_sum(tf.sin(outputs))
        return [outputs, *tape.gradient(loss, [features, layer.kernel.value])]

    return run()


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(8, 6), (7, 9), (2, 1)])
def test_value_and_gradients_are_those_of_keras(kernel, stride, shape):
    features = tf.constant(np.random.default_rng(0).normal(size=(2, *shape, 4)), tf.float32)
    ours, theirs = (
        made(kernel, strides=stride, padding="same", use_bias=False)
        for made in (DepthwiseConvolution, keras.layers.DepthwiseConv2D)
    )
    for layer in (ours, theirs):
        layer.build(features.shape)
    theirs.set_weights(ours.get_weights())
    for own, expected in zip(_value_and_gradients(ours, features), _value_and_gradients(theirs, features), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-5)


def test_no_wide_kernel_is_differentiated_at_once():
    layer = DepthwiseConvolution(5, padding="same", use_bias=False)
    features = keras.ops.ones((2, 8, 6, 4))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            outputs = layer(features)
        return tape.gradient(outputs, layer.kernel.value)

    layer.build(features.shape)
    operations = gradient.get_concrete_function().graph.get_operations()
    widths = [
        int(tf.get_static_value(each.inputs[1])[1])
        for each in operations
        if each.type == "DepthwiseConv2dNativeBackpropFilter"
    ]
    assert widths == [3, 2]


def test_is_saved_and_loaded():
    layer = DepthwiseConvolution(5, padding="same", use_bias=False, name="block1a_dwconv")
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(loaded) is DepthwiseConvolution
    assert loaded.name == "block1a_dwconv"

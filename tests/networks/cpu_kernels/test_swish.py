"""Normalisation with swish as one layer against the two of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.cpu_kernels.swish import XlaNormalisedSwish

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its gradient is TensorFlow's")

_SHAPE = (3, 8, 6, 5)


def _features() -> np.ndarray:
    features = np.random.default_rng(0).normal(1.5, 4, _SHAPE).astype(np.float32)
    features[0, 0, 0] = (0, 1e-30, -1e-30, 120, -120)
    return features


def _pair(*, pooled: bool = False) -> tuple[keras.Layer, keras.Model]:
    """Give the layer, and those that it stands for, with the same weights."""
    ours = XlaNormalisedSwish(pooled=pooled)
    given = keras.Input(_SHAPE[1:])
    features = keras.layers.Activation("swish")(keras.layers.BatchNormalization()(given))
    means = keras.layers.GlobalAveragePooling2D(keepdims=True)(features)
    theirs = keras.Model(given, [features, means] if pooled else features)
    rng = np.random.default_rng(1)
    values = [rng.uniform(0.5, 2, _SHAPE[-1]).astype(np.float32) for _ in range(4)]
    for layer in (ours, theirs):
        layer.build(_SHAPE)
        layer.set_weights(values)
    return ours, theirs


def _step(layer: keras.Layer, *, training: bool = True, **arguments):
    @tf.function(**arguments)
    def run(features: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(features)
            outputs = tf.nest.flatten(layer(features, training=training))
            # Large for the means, whose share of the gradient would be lost in the tolerance.
            loss = tf.add_n([100.0**place * tf.reduce_sum(tf.sin(each)) for place, each in enumerate(outputs)])
        return [*outputs, *tape.gradient(loss, [features, *(each.value for each in layer.trainable_variables)])]

    return run


def _operations(layer: keras.Layer, dtype: tf.DType = tf.float32, **settings) -> list[tf.Operation]:
    return _step(layer, **settings).get_concrete_function(tf.TensorSpec(_SHAPE, dtype)).graph.get_operations()


def _calls(operations: list[tf.Operation]) -> list[str]:
    return [each.get_attr("f").name for each in operations if "PartitionedCall" in each.type]


@pytest.mark.parametrize("arguments", [{}, {"jit_compile": True}], ids=["graph", "xla"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("pooled", [True, False])
def test_values_gradients_and_statistics_are_those_of_keras(training, pooled, arguments):
    ours, theirs = _pair(pooled=pooled)
    features = tf.constant(_features())
    own, expected = (_step(layer, training=training, **arguments)(features) for layer in (ours, theirs))
    for one, other in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("pooled", [True, False])
def test_batch_of_any_size_is_differentiated_the_same(pooled):
    ours, theirs = _pair(pooled=pooled)
    own, expected = (
        _step(layer, input_signature=[tf.TensorSpec((None, *_SHAPE[1:]))])(tf.constant(_features()))
        for layer in (ours, theirs)
    )
    for one, other in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_gradient_of_swish_is_one_operation_from_what_was_normalised():
    operations = _operations(_pair()[0])
    kinds = [each.type for each in operations]
    assert kinds.count("Sigmoid") == 1  # of the value
    gradient = next(each for each in operations if "PartitionedCall" in each.type)
    assert gradient.inputs[0].op.type == "Placeholder"  # what the layer was given: what it made of that is not kept


def test_gradient_of_the_means_joins_in_that_operation():
    operations = _operations(_pair(pooled=True)[0])
    (gradient,) = [each for each in operations if "PartitionedCall" in each.type]
    assert (_SHAPE[0], 1, 1, _SHAPE[-1]) in [tuple(tensor.shape) for tensor in gradient.inputs]


def test_layers_of_all_networks_share_what_is_compiled():
    layers = (_pair(pooled=pooled)[0] for pooled in (True, False, False))
    assert len({name for layer in layers for name in _calls(_operations(layer))}) == 1


def test_other_types_are_left_to_keras():
    layer = XlaNormalisedSwish(dtype="mixed_bfloat16")
    layer.build(_SHAPE)
    assert not _calls(_operations(layer, tf.bfloat16))


def test_frozen_layer_keeps_its_moving_statistics():
    ours, theirs = _pair()
    ours.trainable = theirs.trainable = False
    np.testing.assert_allclose(
        ours(_features(), training=True), theirs(_features(), training=True), rtol=1e-5, atol=1e-5
    )
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_is_saved_and_loaded():
    layer = XlaNormalisedSwish(pooled=True, name="stem_bn")
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(loaded) is XlaNormalisedSwish
    assert (loaded.name, loaded.pooled) == ("stem_bn", True)

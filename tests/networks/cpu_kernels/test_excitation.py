"""The convolution of weighted features against Keras's product and convolution."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.cpu_kernels.excitation import KernelExcitedConvolution

_CHANNELS, _FILTERS = 6, 4


def _pair() -> tuple[keras.Model, keras.Model]:
    """Give the layer, and the two that it stands for, with the same weights."""
    made = []
    for own in (True, False):
        given = [keras.Input((None, None, _CHANNELS)), keras.Input((1, 1, _CHANNELS))]
        if own:
            outputs = KernelExcitedConvolution(_FILTERS, name="project_conv")(given)
        else:
            outputs = keras.layers.Conv2D(_FILTERS, 1, use_bias=False)(keras.layers.Multiply()(given))
        made.append(keras.Model(given, outputs))
    made[0].set_weights(made[1].get_weights())
    return made[0], made[1]


def _inputs(height: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = (3, height, width, _CHANNELS), (3, 1, 1, _CHANNELS)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def _step(model: keras.Model, inputs: list[np.ndarray], *, training: bool = True, **arguments):
    @tf.function(**arguments)
    def run(given: list[tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = model(given, training=training)
            loss = tf.reduce_sum(tf.sin(outputs))
        return [outputs, *tape.gradient(loss, [*given, *(each.value for each in model.trainable_variables)])]

    given = [tf.constant(each) for each in inputs]
    kinds = {each.type for each in run.get_concrete_function(given).graph.get_operations()}
    return run(given), kinds


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiated by TensorFlow")
@pytest.mark.parametrize("arguments", [{}, {"jit_compile": True}], ids=["graph", "xla"])
@pytest.mark.parametrize(
    ("shape", "training", "weighs_kernels"),
    [((3, 2), True, True), ((2, 2), True, False), ((3, 2), False, False)],
    ids=["more pixels than filters", "no more", "no training"],
)
def test_values_and_gradients_are_those_of_keras(shape, training, weighs_kernels, arguments):
    ours, theirs = _pair()
    inputs = _inputs(*shape)
    own, kinds = _step(ours, inputs, training=training, **arguments)
    expected, _ = _step(theirs, inputs, training=training)
    for one, other in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert ("BatchMatMulV2" in kinds) == weighs_kernels
    assert ("Conv2D" in kinds) != weighs_kernels


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiated by TensorFlow")
def test_sizes_that_are_not_known_are_convolved():
    ours, theirs = _pair()
    unknown = [tf.TensorSpec((None, None, None, _CHANNELS)), tf.TensorSpec((None, 1, 1, _CHANNELS))]
    inputs = _inputs(3, 2)
    run = tf.function(lambda *given: ours(list(given), training=True), input_signature=unknown)
    np.testing.assert_allclose(run(*inputs), theirs(inputs), rtol=1e-5, atol=1e-5)


def test_mixed_precision_is_left_to_keras():
    layer = KernelExcitedConvolution(_FILTERS, dtype="mixed_bfloat16")
    outputs = layer(_inputs(3, 2), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert tuple(outputs.shape) == (3, 3, 2, _FILTERS)


def test_weights_are_named_and_stored_as_those_of_a_convolution():
    ours, theirs = _pair()
    (own,), (other,) = ours.weights, theirs.weights
    assert (own.path, own.shape) == ("project_conv/kernel", other.shape)
    stored, expected = {}, {}
    ours.layers[-1].save_own_variables(stored)
    theirs.layers[-1].save_own_variables(expected)
    assert stored.keys() == expected.keys()


def test_is_saved_and_loaded():
    layer = KernelExcitedConvolution(
        _FILTERS, kernel_initializer=keras.initializers.RandomNormal(seed=3), name="project_conv"
    )
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(loaded) is KernelExcitedConvolution
    assert loaded.get_config() == layer.get_config()

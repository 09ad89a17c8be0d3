"""Drop-connect computes what Keras's dropout does, also with a rate from outside."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from evopose2d.networks.drop_connect import DropConnect

FEATURES = np.random.default_rng(0).normal(size=(1000, 2, 1, 3)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.013, 0.2, 0.7])
def test_a_rate_from_outside_gives_keras_dropout_to_the_last_digit(rate):
    expected = keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), seed=5)(FEATURES, training=True)
    layer = DropConnect(rate, seed=5)
    factors = layer.rate_and_scale()
    layer.rate = 0.5  # not the one to take

    @tf.function(autograph=False)
    def drop(features, factors):
        with layer.given(factors[0], factors[1]):
            return layer(features, training=True)

    got = np.asarray(drop(tf.constant(FEATURES), tf.constant(factors, tf.float32)))
    np.testing.assert_array_equal(got, np.asarray(expected))
    assert 0 < (got == 0).all(axis=(1, 2, 3)).sum() < len(FEATURES)


def test_nothing_is_dropped_outside_training():
    layer = DropConnect(0.5, seed=5)
    with layer.given(tf.constant(0.5), tf.constant(2.0)):
        np.testing.assert_array_equal(np.asarray(layer(FEATURES, training=False)), FEATURES)


def test_the_layer_outlives_being_written_and_read():
    layer = DropConnect(0.25, seed=5, name="drop")
    again = DropConnect.from_config(layer.get_config())
    expected = np.asarray(layer(FEATURES, training=True))
    np.testing.assert_array_equal(np.asarray(again(FEATURES, training=True)), expected)
    assert (again.rate, again.noise_shape, again.name) == (0.25, (None, 1, 1, 1), "drop")

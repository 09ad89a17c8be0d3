"""How batches wait for the network, with tf.data."""

import tensorflow as tf

_BATCHES_AHEAD = 4


def fed(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Make batches ahead of the network that they are for.

    tf.data is kept from tuning how many. It would do so in a thread that sleeps longer and longer, up to a minute, and
    whoever lets go of the iterator often waits until it wakes (TensorFlow 2.21): after each training and validation.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(_BATCHES_AHEAD).with_options(options)

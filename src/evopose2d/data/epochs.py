"""The order of training: who stands at which position of an epoch, with tf.data."""

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.data.shards import RecordsInfo

_FILES_AT_ONCE = 8

Read = Callable[[tf.Tensor], tf.data.Dataset]


def epochs_of_records(records: RecordsInfo) -> Read:
    """Give the records themselves to ``ordered_people``."""
    files = [str(file) for file in records.files]
    return lambda shard: tf.data.TFRecordDataset(tf.gather(files, shard))


def epochs_of_places(shard_people: NDArray[np.int64]) -> Read:
    """Give ``ordered_people`` each person's place in the order of the records, counted from 0, int64.

    Args:
        shard_people: (S,) people in each record file.
    """
    ends = np.cumsum(shard_people)
    starts = ends - shard_people
    return lambda shard: tf.data.Dataset.range(tf.gather(starts, shard), tf.gather(ends, shard))


def ordered_people(
    records: RecordsInfo, read: Read, *, seed: int, first_epoch: int, epochs: int, length: int, shuffle_buffer: int
) -> tf.data.Dataset:
    """Give everybody in the order of training, epoch after epoch.

    The order depends on the seed, the epoch and how many people each file holds, not on what is read of them.

    Args:
        records: the training people.
        read: gives what is to be read of the people in a record file, by the file's number.
        seed: of the order.
        first_epoch: epoch to begin with, counted from 0.
        epochs: epoch at which to stop.
        length: positions in an epoch; beyond the last person, the epoch begins again.
        shuffle_buffer: people held for shuffling; record files are shuffled besides.

    Returns:
        Triples of epoch and position, scalar int64, and what was read of a person.
    """
    numbers = np.arange(first_epoch, epochs)
    order_seeds = [np.random.SeedSequence([seed, epoch]).generate_state(1)[0] for epoch in numbers.tolist()]
    epoch = partial(_epoch, records, read, length, shuffle_buffer)
    return tf.data.Dataset.from_tensor_slices((numbers, np.array(order_seeds, np.int64))).flat_map(epoch)


def _epoch(
    records: RecordsInfo, read: Read, length: int, shuffle_buffer: int, epoch: tf.Tensor, order_seed: tf.Tensor
) -> tf.data.Dataset:
    # tf.data mixes the program's global seed into every order. In this function's graph it is a constant.
    tf.compat.v1.set_random_seed(1)
    people = (
        tf.data.Dataset.range(records.shards)
        .shuffle(records.shards, seed=order_seed, reshuffle_each_iteration=False)
        .interleave(
            read,
            cycle_length=min(_FILES_AT_ONCE, records.shards),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .shuffle(min(shuffle_buffer, records.people), seed=order_seed, reshuffle_each_iteration=False)
        .repeat()
        .take(length)
    )
    # Zipped rather than mapped: a function that is called for each person costs more than all that it would do.
    epochs = tf.data.Dataset.from_tensors(epoch).repeat()
    return tf.data.Dataset.zip((epochs, tf.data.Dataset.range(length), people))

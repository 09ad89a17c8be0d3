"""The order of training: which record stands where in an epoch, and how the people of records take turns."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.data.shards import RecordsInfo

_FILES_AT_ONCE = 8

Read = Callable[[tf.Tensor], tf.data.Dataset]


def contents_of_records(records: RecordsInfo) -> Read:
    """Give the records themselves to ``ordered_epochs``."""
    files = [str(file) for file in records.files]
    return lambda shard: tf.data.TFRecordDataset(tf.gather(files, shard))


def places_of_records(shard_records: NDArray[np.int64]) -> Read:
    """Give ``ordered_epochs`` each record's place in the order of the files, counted from 0, int64.

    Args:
        shard_records: (S,) records in each file.
    """
    ends = np.cumsum(shard_records)
    starts = ends - shard_records
    return lambda shard: tf.data.Dataset.range(tf.gather(starts, shard), tf.gather(ends, shard))


def ordered_epochs(
    records: RecordsInfo,
    read: Read,
    epoch_of: Callable[[tf.data.Dataset], tf.data.Dataset],
    *,
    seed: int,
    first_epoch: int,
    epochs: int,
    shuffle_buffer: int,
) -> tf.data.Dataset:
    """Give what is made of all records in the order of training, epoch after epoch.

    The order depends on the seed, the epoch and how many records each file holds, not on what is read of them.

    Args:
        records: of the training people.
        read: gives what is to be read of the records in a file, by the file's number.
        epoch_of: makes an epoch of all records once: triples of the epoch, the record's number in it, both scalar
            int64, and what was read.
        seed: of the order.
        first_epoch: epoch to begin with, counted from 0.
        epochs: epoch at which to stop.
        shuffle_buffer: records held for shuffling; their files are shuffled besides.
    """
    numbers = np.arange(first_epoch, epochs)
    order_seeds = [np.random.SeedSequence([seed, epoch]).generate_state(1)[0] for epoch in numbers.tolist()]

    def one_epoch(epoch: tf.Tensor, order_seed: tf.Tensor) -> tf.data.Dataset:
        return epoch_of(_ordered(records, read, shuffle_buffer, epoch, order_seed))

    return tf.data.Dataset.from_tensor_slices((numbers, np.array(order_seeds, np.int64))).flat_map(one_epoch)


def taking_turns(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say in which order the people of some records come, each record's as far apart as can be.

    People of one image look alike: a batch should hold few of them. Records of one person keep their order.

    Args:
        counts: (R,) people of each record.

    Returns:
        (P,) places among the people of all records, one record's after the other's.
    """
    records = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(records)) - np.repeat(np.cumsum(counts) - counts, counts)
    moments = (within + (records + 0.5) / max(len(counts), 1)) / counts[records]
    return np.argsort(moments, kind="stable")


def _ordered(
    records: RecordsInfo, read: Read, shuffle_buffer: int, epoch: tf.Tensor, order_seed: tf.Tensor
) -> tf.data.Dataset:
    # tf.data mixes the program's global seed into every order. In this function's graph it is a constant.
    tf.compat.v1.set_random_seed(1)
    once = (
        tf.data.Dataset.range(records.shards)
        .shuffle(records.shards, seed=order_seed, reshuffle_each_iteration=False)
        .interleave(
            read,
            cycle_length=min(_FILES_AT_ONCE, records.shards),
            num_parallel_calls=min(_FILES_AT_ONCE, records.shards),
            deterministic=True,
        )
        .shuffle(min(shuffle_buffer, records.people), seed=order_seed, reshuffle_each_iteration=False)
    )
    # Zipped rather than mapped: a function that is called for each record costs more than all that it would do.
    epochs = tf.data.Dataset.from_tensors(epoch).repeat()
    return tf.data.Dataset.zip((epochs, tf.data.Dataset.range(records.people), once))

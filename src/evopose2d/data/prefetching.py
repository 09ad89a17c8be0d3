"""How batches wait for the network, with tf.data."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import tensorflow as tf
from numpy.typing import NDArray

_BATCHES_AHEAD = 2


class SizedBatches(Protocol):
    """Batches that can be counted, and iterated over again and again."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]: ...


def as_dataset(batches: SizedBatches, shapes: Sequence[tuple[tuple[int, ...], str]]) -> tf.data.Dataset:
    """Return batches of arrays as a dataset, which begins anew each time that it is iterated over.

    Not by ``Dataset.from_generator``: under Python 3.11 that has the C library get whatever is larger than 128 KB
    from the system anew, for as long as the process lives (TensorFlow 2.21).

    Args:
        batches: tuples of arrays, as often as they are iterated over; their number is that of the dataset's elements.
        shapes: shape and dtype of each array of a tuple.
    """
    iterator: Iterator[tuple[NDArray[Any], ...]] = iter(())

    def take(step: int) -> tuple[NDArray[Any], ...]:
        nonlocal iterator
        if step == 0:
            iterator = iter(batches)
        return next(iterator)

    def element(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        taken = tf.numpy_function(take, [step], [tf.as_dtype(kind) for _, kind in shapes])
        return tuple(tf.ensure_shape(tensor, shape) for tensor, (shape, _) in zip(taken, shapes, strict=True))

    return prefetched(tf.data.Dataset.range(len(batches)).map(element))


def prefetched(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Make batches ahead of the network that they are for.

    tf.data is kept from tuning how many. It would do so in a thread that sleeps longer and longer, up to a minute, and
    whoever lets go of the iterator often waits until it wakes (TensorFlow 2.21): after each training and validation.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(_BATCHES_AHEAD).with_options(options)

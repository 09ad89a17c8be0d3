"""How batches wait for the network, on each backend of Keras."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import tensorflow as tf

_BATCHES_AHEAD = 2

Arrays = tuple[NDArray[Any], ...]
Shapes = Sequence[tuple[tuple[int, ...], str]]
Structure = Callable[..., tuple[Any, ...]]


class SizedBatches(Protocol):
    """Batches of arrays that can be counted, and iterated over again and again."""

    @property
    def shapes(self) -> Shapes:
        """Shape and dtype of each array of a batch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Arrays]: ...


def feed(batches: SizedBatches, structured: Structure = lambda *arrays: arrays) -> Any:  # noqa: ANN401 - a dataset or a generator
    """Return batches as ``Model.fit`` and ``Model.predict`` take them, a few made ahead of the network.

    On the TensorFlow backend that is a dataset; on the others a generator, for which TensorFlow is not imported.

    Args:
        batches: of arrays.
        structured: makes of a batch's arrays what the model takes as a batch, always a tuple.
    """
    import keras  # processes that load records do without

    if keras.backend.backend() == "tensorflow":
        return _as_dataset(batches, structured)
    return _made_ahead(batches, structured)


def _made_ahead(batches: SizedBatches, structured: Structure) -> Iterator[tuple[Any, ...]]:
    iterator = iter(batches)
    with ThreadPoolExecutor(1, "batches") as thread:
        waiting = deque(thread.submit(next, iterator, None) for _ in range(_BATCHES_AHEAD))
        while (arrays := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, iterator, None))
            yield structured(*arrays)


def _as_dataset(batches: SizedBatches, structured: Structure) -> "tf.data.Dataset":
    """Return batches as a dataset, which begins anew each time that it is iterated over.

    Not by ``Dataset.from_generator``: under Python 3.11 that has the C library get whatever is larger than 128 KB
    from the system anew, for as long as the process lives (TensorFlow 2.21).

    tf.data is kept from tuning how many batches wait. It would do so in a thread that sleeps longer and longer, up to a
    minute, and whoever lets go of the iterator often waits until it wakes (TensorFlow 2.21): after each training and
    validation.
    """
    import tensorflow as tf  # the other backends must not need it

    iterator: Iterator[Arrays] = iter(())
    steps = len(batches)

    def take(step: int) -> Arrays:
        nonlocal iterator
        if step == 0:
            iterator = iter(batches)
        arrays = next(iterator)
        if step == steps - 1:
            iterator = iter(())  # what loads must end now; the dataset stays until it is collected
        return arrays

    def element(step: "tf.Tensor") -> tuple[Any, ...]:
        taken = tf.numpy_function(take, [step], [tf.as_dtype(kind) for _, kind in batches.shapes])
        shaped = [tf.ensure_shape(tensor, shape) for tensor, (shape, _) in zip(taken, batches.shapes, strict=True)]
        return structured(*shaped)

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.range(steps).map(element).prefetch(_BATCHES_AHEAD).with_options(options)

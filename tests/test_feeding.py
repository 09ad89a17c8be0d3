"""Batches on their way to the network, on either kind of backend."""

import keras
import numpy as np
import pytest

from evopose2d.errors import DataError
from evopose2d.feeding import feed


class Numbers:
    """Batches 0, 1, 2, ... that note which have been made; the last may be damaged."""

    shapes = (((2,), "int64"), ((1,), "float32"))

    def __init__(self, count: int, damaged: bool = False) -> None:
        self.made: list[int] = []
        self._count, self._damaged = count, damaged

    def __len__(self) -> int:
        return self._count

    def __iter__(self):
        for number in range(self._count):
            if self._damaged and number == self._count - 1:
                raise DataError("cut short")
            self.made.append(number)
            yield np.full(2, number), np.full(1, number, np.float32)


@pytest.fixture
def generator(monkeypatch):
    """The way of backends other than TensorFlow."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")


def test_batches_come_in_order_and_two_are_made_ahead(generator):
    numbers = Numbers(9)
    fed = feed(numbers)
    first, _ = next(fed)
    second, _ = next(fed)
    assert (first[0], second[0]) == (0, 1)
    assert len(numbers.made) <= 4
    assert [int(batch[0][0]) for batch in fed] == list(range(2, 9))


def test_what_is_wrong_with_a_batch_comes_after_those_before_it(generator):
    fed = feed(Numbers(4, damaged=True))
    assert [int(next(fed)[0][0]) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="cut short"):
        next(fed)


def test_a_reader_that_stops_lets_the_batches_go(generator):
    numbers = Numbers(9)
    fed = feed(numbers)
    next(fed)
    fed.close()
    assert len(numbers.made) <= 3


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends are fed by a generator")
def test_what_makes_the_batches_ends_with_the_last_although_the_dataset_stays():
    ended = []

    class Ending(Numbers):
        def __iter__(self):
            try:
                yield from super().__iter__()
            finally:
                ended.append(True)

    dataset = feed(Ending(3))
    batches = iter(dataset)
    for _ in range(3):
        next(batches)
    assert ended == [True]


def _named(a, b):
    return ({"a": a, "b": b},)


def test_batches_may_be_dictionaries_on_either_backend(monkeypatch):
    (of_tensorflow,) = next(iter(feed(Numbers(1), _named)))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    ((of_others,),) = feed(Numbers(1), _named)
    assert set(of_tensorflow) == set(of_others) == {"a", "b"}
    for name in ("a", "b"):
        np.testing.assert_array_equal(of_tensorflow[name], of_others[name])

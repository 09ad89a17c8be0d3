"""Who stands where in an epoch, how the people of records take turns, and in which order they are loaded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evopose2d.data.epochs import TASK, most_in_turn, ordered_epoch, taking_turns, training_epoch

counts = arrays.arrays(np.int64, st.integers(0, 60), elements=st.integers(1, 20))


def records_in_turn(counts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)[taking_turns(counts)]


@given(counts)
def test_everybody_has_one_turn(counts):
    assert sorted(taking_turns(counts)) == list(range(counts.sum()))


@given(counts)
def test_the_people_of_a_record_keep_their_order_and_stand_apart(counts):
    turns = taking_turns(counts)
    place = np.argsort(turns)
    for start, count in zip(np.cumsum(counts) - counts, counts, strict=True):
        places = place[start : start + count]
        # Between two of them, every other record has its share of people, or one fewer.
        least = sum(max(other // count - (0 if other == count else 1), 0) for other in counts)
        assert (np.diff(places) > 0).all()
        assert count == 1 or np.diff(places).min() >= max(least, 1)


@given(st.integers(0, 50), st.integers(1, 5))
def test_records_of_equally_many_people_come_round_after_round(records, people):
    assert records_in_turn(np.full(records, people)).tolist() == list(range(records)) * people


filled = arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(1, 20))
sizes = st.integers(1, 70)


def assert_tasks_load_all_places(epoch, counts):
    """Each place once, and not many more at a time than asked for; returns how often a record is decoded."""
    loaded = [epoch.task(number) for number in range(epoch.tasks)]
    assert sorted(np.concatenate(loaded)) == list(range(len(epoch.people)))
    records = np.repeat(np.arange(len(counts)), counts)
    for places in loaded:
        assert 0 < len(places) < TASK + np.bincount(records[epoch.people]).max()
    return sum(1 + np.count_nonzero(np.diff(records[epoch.people[places]])) for places in loaded)


@given(filled, sizes, st.integers(0, 9))
def test_an_epoch_of_training_is_everybody_once_and_the_first_again(counts, batch_size, number):
    epoch = training_epoch(counts, 3, number, batch_size)
    people = counts.sum()
    assert len(epoch.people) % batch_size == 0 and len(epoch.people) - people < batch_size
    assert sorted(epoch.people[:people]) == list(range(people))
    np.testing.assert_array_equal(epoch.people[people:], np.resize(epoch.people[:people], len(epoch.people) - people))
    assert epoch.drawn.shape == (people, 6)
    # An image is decoded once, but for those of the people who come again.
    assert assert_tasks_load_all_places(epoch, counts) <= len(counts) + len(epoch.people) - people
    assert epoch.largest <= most_in_turn(counts, batch_size)
    # Whoever is loaded later than all of a turn's people stands behind the places before that turn.
    needed = np.maximum.accumulate(np.argsort(epoch.places)) - np.arange(len(epoch.people))
    assert needed.max() <= epoch.largest + batch_size


@given(filled, sizes)
def test_an_epoch_depends_on_its_number_and_seed_alone(counts, batch_size):
    epochs = [training_epoch(counts, *numbers, batch_size) for numbers in ((1, 0), (1, 0), (1, 1), (2, 0))]
    np.testing.assert_array_equal(epochs[0].people, epochs[1].people)
    np.testing.assert_array_equal(epochs[0].drawn, epochs[1].drawn)
    assert len({epoch.drawn.tobytes() for epoch in epochs}) == 3


def test_records_of_all_files_are_shuffled_together():
    first = [training_epoch(np.ones(1000, np.int64), 0, number, 10).people[:10].mean() for number in range(40)]
    assert 400 < np.mean(first) < 600 and np.std(first) > 40


@given(filled, sizes)
def test_who_is_judged_stands_in_order_and_the_last_repeats(counts, batch_size):
    epoch = ordered_epoch(counts, batch_size)
    people = counts.sum()
    assert len(epoch.people) % batch_size == 0
    assert epoch.people.tolist() == [min(number, people - 1) for number in range(len(epoch.people))]
    assert assert_tasks_load_all_places(epoch, counts) == len(counts)

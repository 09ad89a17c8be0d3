"""How the people of records take turns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evopose2d.data.epochs import taking_turns

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

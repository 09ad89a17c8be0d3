"""The order in which individuals are trained."""

from evopose2d.evolution.queue import Queue

PARENTS = {0: None, 1: 0, 2: 0, 3: 1, 4: 2}


def awaits(number, restored):
    return PARENTS[number] in restored


def test_those_that_wait_are_taken_in_order_and_failed_ones_first():
    queue = Queue(awaits)
    for number in (1, 2, 3):
        queue.add(number)
    assert [queue.take(5.0), queue.take(6.0)] == [1, 2]
    assert (queue.running, len(queue)) == ({1: 5.0, 2: 6.0}, 3)
    queue.leave(2)
    queue.add_again(2)
    assert [queue.attempt(2), queue.attempt(2), queue.attempt(1)] == [1, 2, 1]
    assert [queue.take(7.0), queue.take(7.0), queue.take(7.0)] == [2, 3, None]
    for number in (1, 2, 3):
        queue.leave(number)
    assert not queue


def test_children_wait_for_a_parent_whose_files_are_gone():
    queue = Queue(awaits)
    queue.add(3)
    queue.restore(1)
    queue.add(4)
    assert [queue.take(0.0), queue.take(0.0), queue.take(0.0)] == [1, 4, None]
    queue.leave(1)
    assert queue.take(0.0) is None
    assert queue.restored == {1}
    queue.finish(1)
    assert queue.restored == set()
    assert queue.take(0.0) == 3

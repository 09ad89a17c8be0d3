"""Who trains where, and which machines are left out."""

import pytest
from search_doubles import make_params

from evopose2d.evolution.working.cluster.machines import Machines, Standing, fitting


def node(name, cpus=2, alive=True):
    return {"NodeID": name, "NodeManagerHostname": f"host-{name}", "Alive": alive, "Resources": {"CPU": cpus}}


@pytest.fixture
def machines(tmp_path):
    """Two machines with room for two, both used."""
    found = Machines(make_params(tmp_path).evolve)
    joined, gone = found.update([node("a"), node("b"), node("head", cpus=0)])
    assert ([each.node for each in joined], gone) == (["a", "b"], [])
    assert found.room == 0  # nothing for those that have not answered
    for each in joined:
        found.admit(each.node)
    return found


def test_individuals_are_spread_over_the_machines(machines):
    assert machines.room == 4
    placed = [machines.place(number).node for number in range(4)]
    assert sorted(placed) == ["a", "a", "b", "b"]
    assert placed[0] != placed[1]


def test_a_machine_that_is_gone_takes_its_room_along(machines):
    on_a = {number for number in range(4) if machines.place(number).node == "a"}
    joined, (gone,) = machines.update([node("a", alive=False), node("b")])
    assert joined == []
    assert gone.running == on_a
    assert machines.room == 2


def test_an_individual_is_tried_again_on_another_machine(machines):
    first = machines.place(0)
    assert not machines.failed(0, first, suspect=True)
    assert machines.place(0).node != first.node


def test_an_individual_is_tried_again_where_there_is_room_for_it_alone(machines):
    first = machines.place(0)
    other = next(each for each in machines if each is not first)
    other.running |= {1, 2}
    machines.failed(0, first, suspect=True)
    assert machines.place(0) is first


def fail_on(machines, node, numbers, suspect=True):
    machine = next(each for each in machines if each.node == node)
    return [machines.failed(number, machine, suspect=suspect) for number in numbers]


def test_a_machine_that_fails_many_in_a_row_is_to_be_left_out(machines):
    assert fail_on(machines, "a", [1, 1, 1, 2]) == [False] * 4  # one that fails again and again may be at fault itself
    assert fail_on(machines, "a", [3]) == [True]
    machine = machines.leave_out("a", "failed 3")
    assert machine is not None and machine.standing is Standing.LEFT_OUT
    assert machines.leave_out("a", "again") is None
    assert machines.room == 2
    assert {machines.place(number).node for number in range(2)} == {"b"}


def test_a_success_in_between_clears_a_machine(machines):
    fail_on(machines, "a", [1, 2])
    machines.succeeded(3, next(iter(machines)))
    assert fail_on(machines, "a", [4]) == [False]


def test_what_is_not_the_machines_fault_is_not_held_against_it(machines):
    assert fail_on(machines, "a", [1, 2, 3, 4], suspect=False) == [False] * 4


def test_the_last_machine_is_not_left_out_for_failures(machines):
    machines.update([node("a")])
    assert fail_on(machines, "a", [1, 2, 3]) == [False] * 3


def test_no_hope_is_left_once_all_are_left_out(machines):
    machines.leave_out("a", "lacks the project")
    assert machines.hopeless == []
    machines.leave_out("b", "lacks it too")
    assert [each.reason for each in machines.hopeless] == ["lacks the project", "lacks it too"]
    joined, _ = machines.update([node("a"), node("b"), node("c")])
    assert [each.node for each in joined] == ["c"]
    assert machines.hopeless == []


def test_what_a_machine_that_is_left_out_still_trains_counts(machines):
    placed = [machines.place(number).node for number in range(4)]
    machines.leave_out("a", "failed")
    assert machines.room == 2 + placed.count("a")


@pytest.mark.parametrize(
    ("resources", "demand", "count"),
    [
        ({"CPU": 8.0}, {"CPU": 2.0, "GPU": 0.0}, 4),
        ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 0.5}, 4),
        ({"CPU": 2.0, "GPU": 8.0}, {"CPU": 1.0, "GPU": 1.0}, 2),
        ({"CPU": 8.0}, {"CPU": 1.0, "GPU": 1.0}, 0),
        ({"CPU": 1.0}, {"CPU": 0.1}, 10),
        ({"CPU": 96.0, "TPU": 8.0}, {"CPU": 4.0, "TPU": 4.0}, 2),
    ],
)
def test_how_many_individuals_fit_into_a_machine(resources, demand, count):
    assert fitting(resources, demand) == count

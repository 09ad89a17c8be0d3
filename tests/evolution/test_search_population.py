from dataclasses import replace

import numpy as np
import pytest
from tests.evolution.searching import ANCESTOR

from evopose2d.evolution.results.population import Population, SearchSize
from evopose2d.evolution.sampler import Individual, Role, State, select


def members(count):
    rng = np.random.default_rng(count)
    for number in range(count):
        state = (State.COMPLETE, State.COMPLETE, State.FAILED, State.RUNNING)[int(rng.integers(4))]
        # Few values, so that some are equal.
        fitness, ap = float(rng.integers(5)), float(rng.integers(5))
        measurements = {"fitness": fitness, "ap": ap} if state is State.COMPLETE else {}
        yield Individual(number, number // 7, None, ANCESTOR, state, measurements)


@pytest.mark.parametrize("count", [0, 1, 8, 60])
def test_tallies_are_what_counting_everybody_gives(count):
    individuals = list(members(count))
    population = Population(replace(each, state=State.RUNNING, measurements={}) for each in individuals)
    assert (population.whole.done, population.whole.fittest) == (0, None)
    for individual in individuals:
        if individual.state is not State.RUNNING:
            population.note(individual)
    assert list(population.values()) == individuals
    groups = {generation: [each for each in individuals if each.generation == generation] for generation in range(9)}
    expected = [(population.whole, individuals)] + [(population.generations[g], groups[g]) for g in groups if groups[g]]
    for tally, group in expected:
        complete = [each for each in group if each.state is State.COMPLETE]
        failed = sum(each.state is State.FAILED for each in group)
        assert (tally.done, tally.failed) == (len(complete) + failed, failed)
        assert [tally.fittest] == (select(complete, 1, "fitness") or [None])
        assert [tally.most_precise] == (select(complete, 1, "ap") or [None])


def test_nobody_finishes_twice():
    finished = Individual(0, 0, None, ANCESTOR, State.COMPLETE, {"fitness": 1.0})
    with pytest.raises(ValueError, match="individual 0: got noted again after it was complete"):
        Population([finished]).note(finished)


def test_controls_count_but_are_never_best():
    control = Individual(1, 1, 0, ANCESTOR, State.COMPLETE, {"fitness": 0.5, "ap": 0.9}, Role.CONTROL)
    child = Individual(2, 1, 0, ANCESTOR, State.COMPLETE, {"fitness": 1.0, "ap": 0.1}, Role.CHILD)
    population = Population([control, child])
    assert (population.whole.done, population.children, population.controls) == (2, 1, 1)
    assert population.whole.fittest is population.whole.most_precise is child
    assert population.controls_before(child) == population.controls_before(control) == 1
    assert population.children_of_generation(1) == [2]


@pytest.mark.parametrize("generational", [True, False])
@pytest.mark.parametrize("controls", [True, False])
def test_the_size_of_a_search_is_what_it_comes_to(generational, controls):
    """From the first individual on where generations say it, else as an estimate that ends right."""
    size = SearchSize(generations=3, children=4, parents=2, generational=generational, controls=controls)
    roles = [Role.ANCESTOR]
    for generation in range(1, 4):
        roles += [Role.CONTROL] * (min(2, 1 + (generation - 1) * 4) if controls else 0) + [Role.CHILD] * 4
    population, estimates = Population(), []
    generation = 0
    for number, role in enumerate(roles):
        generation += role is Role.CONTROL and roles[number - 1] is not Role.CONTROL
        parent = 0 if number else None
        population.note(Individual(number, generation, parent, ANCESTOR, State.RUNNING, role=role))
        estimates.append(size.total(population))
    assert estimates[-1] == len(roles)
    if not controls or generational:
        assert set(estimates) == {len(roles)}

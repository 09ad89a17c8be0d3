from dataclasses import replace

import numpy as np
import pytest
from tests.evolution.searching import ANCESTOR

from evopose2d.evolution.population import Population
from evopose2d.evolution.sampler import Individual, State, select


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

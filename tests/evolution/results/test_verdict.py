"""What the finals say."""

from dataclasses import replace

import numpy as np
import pytest
from tests.evolution.searching import ANCESTOR

from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.results.verdict import Verdict
from evopose2d.evolution.sampler import Role
from evopose2d.training.result import EpochResult


def final(individual, seed, fitness, ap=0.5):
    epoch = EpochResult(1, 1.0, fitness, ap, 1e-4, 1.0, 1.0)
    number, role = 10 * individual + seed, Role.FINALIST
    return IndividualResult(number, 1, individual, "", ANCESTOR, seed, (epoch,), fitness, 5, 7, 1.0, "here", role=role)


def verdict(fitness, by_ap=False):
    """Of the fitness by individual and seed; individual 0 is the ancestor."""
    results = [final(each, seed, value) for each, values in fitness.items() for seed, value in enumerate(values)]
    return Verdict.of(results, 0, by_ap=by_ap)


def test_a_lead_beyond_chance_is_found():
    found = verdict({0: [20.0, 22.0], 7: [10.0, 12.1], 3: [15.0, 17.1]})
    assert found.winner.individual == 7
    assert [each.individual for each in found.standings] == [7, 3, 0]
    assert found.lead == pytest.approx(9.95)
    assert found.found
    assert str(found) == (
        f"Trained equally (1 epoch, 2 seeds), individual 7 is better than the ancestor: fitness ahead by 9.95, chance "
        f"explains {found.noise:.2g}."
    )


def test_the_best_of_several_has_to_lead_by_more():
    """Residuals of +-0.05, and Student's t: 6.314 for one network with 1 degree of freedom, 4.303 for two with 2."""
    assert verdict({0: [20.0, 22.0], 7: [10.0, 12.2]}).noise == pytest.approx(0.1 * 6.3138, rel=1e-4)
    squares = 2 * (1 / 30) ** 2 + 4 * (1 / 60) ** 2  # of residuals -1/30, 1/60, 1/60 and their opposites
    error = (2 * squares / 2 / 2) ** 0.5
    assert verdict({0: [20.0, 22.0], 7: [10.0, 12.1], 3: [15.0, 17.1]}).noise == pytest.approx(error * 4.3027, rel=1e-4)


def test_the_winner_and_the_ancestor_are_compared_at_equal_training():
    lines = verdict({0: [20.0, 22.0], 7: [10.0, 12.1], 3: [15.0, 17.1]}).comparison()
    assert [line.partition(":")[0] for line in lines] == ["individual 7 in the finals", "individual 0 in the finals"]
    assert "fitness 11.05, AP 0.500, val loss 11.05" in lines[0]
    assert len(verdict({0: [1.0, 2.0], 7: [3.0, 4.0]}).comparison()) == 1


def test_a_lead_within_chance_is_not():
    found = verdict({0: [20.0, 22.0], 7: [23.0, 18.0], 3: [15.0, 30.0]})
    assert found.winner.individual == 7
    assert not found.found
    assert str(found).startswith("Nothing better than the ancestor was shown: trained equally")


def test_the_ancestor_may_be_the_best():
    found = verdict({0: [20.0, 22.0], 7: [23.0, 28.0]})
    assert (found.winner.individual, found.lead, found.found) == (0, 0.0, False)
    assert str(found).startswith("Nothing better than the ancestor was found: trained equally")
    assert "the best of 2" in str(found)


def test_one_training_each_says_nothing_of_chance():
    found = verdict({0: [20.0], 7: [10.0]})
    assert (found.noise, found.found) == (None, False)
    assert "evolve.final_seeds" in str(found)


def test_the_best_may_be_those_of_greatest_ap():
    results = [final(0, 0, 10.0, ap=0.1), final(7, 0, 20.0, ap=0.3)]
    found = Verdict.of(results, 0, by_ap=True)
    assert found.winner.individual == 7
    assert found.lead == pytest.approx(0.2)


def test_without_the_ancestor_or_anybody_else_there_is_none():
    assert Verdict.of([], 0, by_ap=False) is None
    assert Verdict.of([final(0, 0, 1.0)], 0, by_ap=False) is None
    assert Verdict.of([final(7, 0, 1.0)], 0, by_ap=False) is None


def test_a_training_that_failed_leaves_the_rest():
    results = [final(0, 0, 20.0), final(0, 1, 21.0), final(7, 1, 10.0)]
    found = Verdict.of(results, 0, by_ap=False)
    assert found.winner.individual == 7
    assert found.noise is None
    assert replace(found, noise=1.0).found


@pytest.mark.parametrize("repeats", [2, 4])
def test_chance_alone_is_taken_for_a_lead_in_one_of_twenty_cases(repeats):
    """Networks that are all the same, with seeds that matter to all of them alike."""
    rng = np.random.default_rng(0)
    cases, found = 1500, 0
    for _ in range(cases):
        seeds = rng.normal(0.0, 5.0, repeats)
        found += verdict({each: 100 + seeds + rng.normal(size=repeats) for each in (0, 7)}).found
    assert 0.035 < found / cases < 0.065

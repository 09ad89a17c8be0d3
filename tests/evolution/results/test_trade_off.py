"""The outcome of the finals of a search of several objectives."""

from dataclasses import replace

import pytest
from search_doubles import ANCESTOR

from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.results.trade_off import TradeOff
from evopose2d.evolution.sampler import Role, find_objectives
from evopose2d.genotype import Genotype
from evopose2d.training.result import EpochResult

OBJECTIVES = find_objectives(["ap", "parameters"])
GENOTYPE = Genotype.from_lists(eval(ANCESTOR))


def _final(individual, seed, ap, parameters):
    epoch = EpochResult(1, 1.0, 1.0, ap, 1e-4, 1.0, 0.1)
    return IndividualResult(
        10 * individual + seed,
        1,
        individual,
        "",
        GENOTYPE,
        seed,
        (epoch,),
        1.0,
        parameters,
        9,
        1.0,
        "",
        role=Role.FINALIST,
    )


def _outcome(aps, seeds=(0, 1, 2)):
    """Of ``{individual: (AP, parameters)}``, with a little noise that differs between networks."""
    results = [
        _final(number, seed, ap + 0.001 * ((number + 2 * seed) % 3), parameters)
        for number, (ap, parameters) in aps.items()
        for seed in seeds
    ]
    return TradeOff.of(results, 0, OBJECTIVES)


def test_a_network_that_is_ahead_somewhere_and_behind_nowhere_is_better():
    outcome = _outcome({0: (0.5, 1000), 1: (0.6, 2000), 2: (0.5, 800)})
    assert outcome.found and outcome.winner.individual == 2
    assert outcome.noise["parameters"] == 0
    assert 0 < outcome.noise["ap"] < 0.05
    assert outcome.leads(outcome.winner)["parameters"] == 200
    told = str(outcome)
    assert told.startswith("Trained equally (1 epoch, 3 seeds), better than the ancestor: individual 2: ap ")
    assert "parameters ahead by 200" in told and "individual 1" not in told


@pytest.mark.parametrize(("error", "tolerated"), [(None, 0.03), (0.1, 0.1)])
def test_latencies_that_are_nearer_than_they_are_known_are_no_lead(error, tolerated):
    """All trainings of a network share its latency, so that nothing of them tells how exact it is."""
    objectives = find_objectives(["ap", "latency"])

    def outcome(latency):
        results = [
            replace(_final(number, seed, 0.5, 1), latency=milliseconds, latency_error=error)
            for number, milliseconds in ((0, 8.0), (1, latency))
            for seed in (0, 1)
        ]
        return TradeOff.of(results, 0, objectives)

    assert outcome(7.0).noise["latency"] == pytest.approx(8 * tolerated)
    assert outcome(8 * (1 - tolerated) - 0.01).winner.individual == 1
    assert outcome(8 * (1 - tolerated) - 0.01).found
    assert not outcome(8 * (1 - tolerated) + 0.01).found
    assert "latency ahead by" in str(outcome(7.0))


def test_a_trade_is_no_improvement():
    outcome = _outcome({0: (0.5, 1000), 1: (0.6, 2000), 2: (0.3, 800)})
    assert not outcome.found
    told = str(outcome)
    assert told.startswith("Nothing was shown that is ahead of the ancestor in one objective and behind in none:")
    assert "individual 1: ap ahead by 0.1" in told and "parameters behind by 1e+03" in told
    assert len(outcome.comparison()) == 3


def test_a_lead_within_the_noise_is_none():
    aps = {0: 0.5, 1: 0.53}
    noisy = [
        _final(number, seed, ap + 0.05 * ((number + seed) % 2), 1000) for number, ap in aps.items() for seed in range(4)
    ]
    assert not TradeOff.of(noisy, 0, OBJECTIVES).found


def test_one_seed_tells_nothing():
    outcome = _outcome({0: (0.5, 1000), 1: (0.6, 900)}, seeds=(0,))
    assert not outcome.found
    assert "one training each tells nothing from chance" in str(outcome)


@pytest.mark.parametrize("aps", [{}, {0: (0.5, 1000)}, {3: (0.5, 1000)}])
def test_without_anything_to_compare_there_is_no_outcome(aps):
    assert _outcome(aps) is None

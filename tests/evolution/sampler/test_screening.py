from dataclasses import replace

import numpy as np
import pytest
from tests.evolution.searching import SPACE, searched

from evopose2d.evolution.sampler import EvolutionSettings, Individual, State
from evopose2d.evolution.sampler.screening import LEAST_KNOWN, promise, screened_mutant
from evopose2d.genotype import NoUnseenNeighbour, neighbours, unchanged
from evopose2d.quality.sample import uniform

SETTINGS = EvolutionSettings(SPACE, children=4, parents=2, seed=3, screening=16)


def worth(genotype):
    """Deep is bad, wide is good, most so in block 5."""
    return sum(block.repeats - np.log(block.channels) for block in genotype.blocks) - 3 * genotype.blocks[4].channels


def known(count, value=worth, generation=lambda number: 0):
    rng = np.random.default_rng(0)
    genotypes = [uniform(SPACE, rng) for _ in range(count)]
    return [
        Individual(number, generation(number), None, each, State.COMPLETE, {"fitness": float(value(each))})
        for number, each in enumerate(genotypes)
    ]


def size(genotype):
    """A weight that is known: small is good, by far more than what training tells."""
    return float(np.prod([block.repeats * block.channels for block in genotype.blocks], dtype=float) ** 0.5)


SIZED = replace(SETTINGS, size_factor=size)


def fitness(genotype):
    return size(genotype) * float(np.exp(0.01 * worth(genotype)))


def correlation(individuals, settings=SETTINGS, value=worth, draws=20):
    """How well what is promised follows what is true, of genotypes that are new."""
    rng = np.random.default_rng(1)
    unseen = [uniform(SPACE, rng) for _ in range(200)]
    scores = np.mean([promise(individuals, settings, rng)(unseen) for _ in range(draws)], axis=0)
    return np.corrcoef(scores, [value(each) for each in unseen])[0, 1]


def test_effects_of_genes_are_learned():
    assert correlation(known(100)) > 0.9
    assert correlation(known(15)) > 0.4


def test_size_is_known_and_need_not_be_learned():
    few = known(LEAST_KNOWN, fitness)
    truth = {"value": lambda genotype: np.log(fitness(genotype))}
    assert correlation(few, SIZED, **truth) > 0.95 > correlation(few, **truth) + 0.3
    assert correlation(known(100, fitness), SIZED, **truth) > correlation(few, SIZED, **truth)


def test_other_selections_are_promised_by_rank_alone():
    by_loss = replace(SIZED, selection="val_loss")
    individuals = [replace(each, measurements={"fitness": 1.0, "val_loss": worth(each.genotype)}) for each in known(60)]
    rng = [np.random.default_rng(2) for _ in range(2)]
    scores = [
        promise(individuals, each, rng.pop())([SPACE.ancestor])
        for each in (by_loss, replace(by_loss, size_factor=None))
    ]
    assert scores[0] == scores[1]


def test_a_training_that_went_astray_changes_little():
    individuals = known(100)
    astray = replace(individuals[7], measurements={"fitness": 1e9})
    assert correlation([*individuals[:7], astray, *individuals[8:]]) > 0.9
    individuals = known(100, fitness)
    astray = replace(individuals[7], measurements={"fitness": 1e9})
    of_loss = replace(SETTINGS, size_factor=lambda genotype: 1.0)
    truth = {"value": lambda genotype: np.log(fitness(genotype))}
    assert correlation([*individuals[:7], astray, *individuals[8:]], of_loss, **truth) > 0.9


def test_what_age_gives_is_told_from_what_genes_give():
    # Later generations have trained for longer, and look better than all before, whatever their genes.
    individuals = [
        replace(each, measurements={"fitness": each.fitness - 4.0 * each.generation})
        for each in known(80, generation=lambda number: number // 8)
    ]
    without_age = [replace(each, generation=0) for each in individuals]
    assert correlation(individuals) > 0.85
    assert correlation(without_age) < 0.75


def test_what_is_uncertain_is_tried():
    rng = np.random.default_rng(0)
    spreads = [
        np.std([promise(known(count), SETTINGS, rng)([SPACE.ancestor])[0] for _ in range(50)]) for count in (400, 6)
    ]
    assert 0 < spreads[0] < 0.5 * spreads[1]


def test_the_most_promising_mutant_is_chosen():
    rng, individuals = np.random.default_rng(0), known(100)
    parent = individuals[0].genotype
    chosen = [screened_mutant(parent, individuals, (), SETTINGS, rng, unchanged) for _ in range(30)]
    plain = [screened_mutant(parent, [], (), SETTINGS, rng, unchanged) for _ in range(30)]
    assert np.mean([worth(each) for each in chosen]) < np.mean([worth(each) for each in plain]) - 1
    assert set(chosen) | set(plain) <= set(neighbours(parent, SPACE))


def test_too_few_are_not_learned_from():
    few = known(LEAST_KNOWN - 1)
    with_few, with_none = (
        screened_mutant(SPACE.ancestor, each, (), SETTINGS, np.random.default_rng(5), unchanged) for each in (few, [])
    )
    assert with_few == with_none


def test_where_too_few_are_known_size_decides():
    few, rng = known(1, fitness), np.random.default_rng(5)
    sizes = [
        np.mean([SIZED.size_factor(screened_mutant(SPACE.ancestor, few, (), each, rng, unchanged)) for _ in range(30)])
        for each in (SIZED, replace(SIZED, screening=1))
    ]
    assert sizes[0] < 0.9 * sizes[1]


def test_mutants_have_as_many_mutations_as_are_asked_for():
    rng, settings = np.random.default_rng(0), replace(SETTINGS, mutations=3.0)
    mutants = [screened_mutant(SPACE.ancestor, [], (), settings, rng, unchanged) for _ in range(300)]
    distances = [
        sum(
            a != b
            for one, two in zip(each.blocks, SPACE.ancestor.blocks, strict=True)
            for a, b in zip(one, two, strict=True)
        )
        for each in mutants
    ]
    assert 2.3 < np.mean(distances) < 3.2 and max(distances) > 6
    assert all(each in SPACE for each in mutants)


def test_no_mutant_has_been_seen():
    seen = set(neighbours(SPACE.ancestor, SPACE))
    with pytest.raises(NoUnseenNeighbour):
        screened_mutant(SPACE.ancestor, known(20), seen, SETTINGS, np.random.default_rng(0), unchanged)
    left = seen.pop()
    for mutations in (1.0, 2.0):
        settings = replace(SETTINGS, mutations=mutations)
        drawn = screened_mutant(SPACE.ancestor, known(20), seen, settings, np.random.default_rng(0), unchanged)
        assert drawn == left or (mutations > 1 and drawn not in seen)


def test_a_search_learns_of_earlier_generations_alone():
    fitnesses = [float(value) for value in np.random.default_rng(0).random(21)]
    _, proposals = searched(SETTINGS, fitnesses)
    _, plain = searched(replace(SETTINGS, screening=1), fitnesses)
    genotypes = [each.genotype for each in proposals]
    assert genotypes[:5] == [each.genotype for each in plain][:5]  # of the ancestor alone nothing is learned
    assert genotypes != [each.genotype for each in plain]
    # The fitness of a sibling changes nothing; that of an earlier one does.
    changed = [*fitnesses[:17], *(1 - value for value in fitnesses[17:])]
    assert [each.genotype for each in searched(SETTINGS, changed)[1]] == genotypes
    earlier = [fitnesses[0], *(1 - value for value in fitnesses[1:5]), *fitnesses[5:]]
    assert [each.genotype for each in searched(SETTINGS, earlier)[1]] != genotypes


@pytest.mark.parametrize(("name", "value"), [("screening", 0), ("mutations", 0.5)])
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: got {value}, must be at least 1"):
        EvolutionSettings(SPACE, **{name: value})

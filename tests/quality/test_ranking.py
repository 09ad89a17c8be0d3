import json
from dataclasses import replace

import pytest
from tests.evolution.search_doubles import InlineEngine, make_params, pretend_to_train

from evopose2d.errors import ConfigError, DataError, SearchError, TrainingError
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.genotype import describe_mutation
from evopose2d.quality.agreement import Rule, agreement, rules
from evopose2d.quality.ranking import rank
from evopose2d.quality.table import Row, TruthTable
from evopose2d.quality.truth import truth_settings

FULL = 9
BY_WEIGHTS, BLIND = Rule(1, "function-preserving", "common"), Rule(1, "none", "individual")


class Engines:
    """Trainings after which the true fitness of genotype n is n, as inheritance sees it; from scratch, it is turned."""

    def __init__(self, params):
        self.params, self.specs, self.weights = params, [], []

    def __call__(self, params):
        return InlineEngine(params, self.train)

    def train(self, spec, params, weights):
        self.specs.append(spec)
        self.weights.append(weights)
        result, content = pretend_to_train(spec, params, weights)
        full = spec.epochs in (FULL, params.evolve.ancestor_epochs)
        true = full or weights is not None
        fittest = float(spec.number if true else -spec.number)
        epochs = tuple(replace(epoch, val_ap=1 / (1 + spec.number)) for epoch in result.epochs)
        return replace(result, fitness=fittest, epochs=epochs), content


def ranked(params, folder, engines, judged_by=(BY_WEIGHTS, BLIND), genotypes=8, **options):
    given = {"full_epochs": FULL, "full_seeds": 1} | options
    return rank(params, folder, judged_by, genotypes=genotypes, engine=engines, **given)


def test_agreement_is_kendalls_tau_and_the_common_best():
    truth = [(float(n), -float(n)) for n in range(7)]
    found = agreement(BY_WEIGHTS, truth, [truth[n] for n in (0, 1, 2, 3, 5, 4, 6)])
    assert (found.genotypes, found.best_fitness, found.best_ap) == (7, 4, 5)
    assert found.kendall_fitness == found.kendall_ap == pytest.approx(1 - 2 / 21)
    turned = agreement(BY_WEIGHTS, truth, truth[::-1])
    assert (turned.kendall_fitness, turned.best_fitness) == (pytest.approx(-1), 3)


def test_each_rule_is_held_against_trainings_in_full(tmp_path):
    params = make_params(tmp_path)
    engines = Engines(params)
    by_weights, blind = ranked(params, tmp_path / "ranking", engines)
    assert (by_weights.kendall_fitness, by_weights.best_fitness) == (pytest.approx(1), 5)
    assert (blind.kendall_fitness, blind.best_fitness) == (pytest.approx(-1), 2)
    assert blind.kendall_ap == pytest.approx(1)

    ancestor, *others = engines.specs
    assert (ancestor.number, ancestor.parent, ancestor.epochs) == (0, None, params.evolve.ancestor_epochs)
    full, inherited, scratch = others[:8], others[8:16], others[16:]
    assert {each.epochs for each in full} == {FULL} and {each.epochs for each in inherited + scratch} == {1}
    assert len({each.seed for each in full}) == len({each.seed for each in scratch}) == 8
    assert len({each.seed for each in inherited}) == 1  # common random numbers
    assert {each.parent_genotype for each in inherited} == {search_space(params).ancestor}
    assert {each.parent_genotype for each in full + scratch} == {None}
    assert all(weights is not None for weights in engines.weights[9:17])
    assert all(describe_mutation(ancestor.genotype, each.genotype) == each.mutation != "" for each in full)


def test_what_is_there_is_not_trained_again(tmp_path):
    params = make_params(tmp_path)
    folder, engines = tmp_path / "ranking", Engines(params)
    first = ranked(params, folder, engines, [BY_WEIGHTS])
    done = len(engines.specs)
    assert ranked(params, folder, engines, [BY_WEIGHTS]) == first and len(engines.specs) == done
    two_seeds = ranked(params, folder, engines, [BY_WEIGHTS], full_seeds=2)
    assert len(engines.specs) == done + 8
    assert [row.inheritance for row in two_seeds] == ["from scratch", "function-preserving"]
    with pytest.raises(ConfigError, match=r"evolve\.learning_rate"):
        ranked(make_params(tmp_path, "evolve.learning_rate=0.5"), folder, engines)

    next((folder / BY_WEIGHTS.name).iterdir()).write_text("{")
    with pytest.raises(DataError, match="with it removed"):
        ranked(params, folder, engines, [BY_WEIGHTS])


@pytest.mark.slow
def test_a_table_takes_the_place_of_trainings_in_full(tmp_path):
    params = make_params(tmp_path)
    ancestor = search_space(params).ancestor
    rows = [
        Row(number, 0, 1, ancestor, 0, (100.0 + number,), (1 / (1 + number),), 1000, 1000, 1.0)
        for number in (1, 5, 7, 9, 11, 13)
    ]
    table = TruthTable(truth_settings(params), {}, rows)
    engines = Engines(params)
    (found,) = ranked(params, tmp_path / "ranking", engines, [BY_WEIGHTS], genotypes=6, table=table)
    assert {each.number for each in engines.specs} == {0, 1, 5, 7, 9, 11, 13}
    assert (found.kendall_fitness, found.kendall_ap, found.genotypes) == (pytest.approx(1), pytest.approx(1), 6)
    with pytest.raises(DataError, match="6 random walks, must be at least 7"):
        ranked(params, tmp_path / "ranking", engines, genotypes=7, table=table)
    with pytest.raises(ConfigError, match=r"evolve\.seed 0 -> 1"):
        ranked(make_params(tmp_path, "evolve.seed=1"), tmp_path / "other", engines, table=table)


def test_a_training_that_fails_is_told(tmp_path):
    params = make_params(tmp_path)

    def fail(spec, params, weights):
        if spec.number:
            raise TrainingError("loss: got nan")
        return pretend_to_train(spec, params, weights)

    with pytest.raises(SearchError, match=r"8 trainings failed: full-9-0, genotype \d+: loss: got nan"):
        ranked(params, tmp_path / "ranking", lambda params: InlineEngine(params, fail))
    assert json.loads((tmp_path / "ranking" / "ancestor.json").read_text())["number"] == 0


def test_rules_are_every_combination():
    assert len(rules([1, 2], ["none", "original"], ["common"])) == 4
    assert Rule(2, "none", "common") in rules([1, 2], ["none", "original"], ["common"])

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from search_doubles import InlineEngine, make_params, population, pretend_to_train

from evopose2d.errors import ConfigError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.early_stopping import CurveStopping, exceeds, fitness_so_far
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import Individual, Role, State
from evopose2d.genotype import Genotype
from evopose2d.training.result import EpochResult

STOPPING = ("evolve.stopping=percentile", "evolve.child_epochs=4", "evolve.generations=3", "evolve.children=8")


def stopping_trainer(spec, params, weights):
    """As ``pretend_to_train``, but no further than the limits allow."""
    result, weights = pretend_to_train(spec, params, weights)
    for count in range(1, spec.epochs):
        if exceeds(result.epochs[:count], result.parameters, spec.limits, params.evolve):
            epochs = result.epochs[:count]
            so_far = fitness_so_far(result, params.evolve)[count - 1]
            return replace(result, epochs=epochs, fitness=so_far, stopped=True), weights
    return result, weights


def run(params, **engine):
    search.run(params, engine=partial(InlineEngine, trainer=stopping_trainer, **engine))
    return SearchStore(Path(params.evolve.root)).results()


def result_of(number, losses, genotype):
    epochs = tuple(EpochResult(epoch, 1.0, loss, 0.5, 1e-4, 1.0, 1.0) for epoch, loss in enumerate(losses, start=1))
    return IndividualResult(number, 1, 0, "", genotype, 0, epochs, min(losses), 5_000_000, 1, 1.0, "here")


@pytest.fixture
def evolve(tmp_path):
    return make_params(tmp_path, *STOPPING, "evolve.schedule=steady-state").evolve


def limits_of(evolve, curves, first=1, role=Role.CHILD):
    """The limits of an individual after others, whose val losses by epoch are given from number 1 on."""
    genotype = Genotype.from_lists(evolve.ancestor)
    results = {number: result_of(number, losses, genotype) for number, losses in enumerate(curves, first)}
    child = Individual(first + len(curves), 1, 0, genotype, State.RUNNING, role=role)
    return CurveStopping(evolve, lambda individual: list(results)[-evolve.children :], results.get).limits(child)


def test_limits_are_percentiles_of_the_least_losses_so_far(evolve):
    curves = [[50.0, 60.0, 20.0, 10.0], [40.0, 30.0], [30.0, 20.0, 15.0], [20.0, 10.0], [10.0, 5.0]]
    # Five curves reach the second epoch, two the third: too few to say what is usual.
    assert limits_of(evolve, curves) == pytest.approx((30.0, 20.0, np.inf))
    strict = replace(evolve, stopping_percentile=25.0, stopping_epochs=2)
    assert limits_of(strict, curves) == pytest.approx((np.inf, 10.0, np.inf))
    assert limits_of(replace(evolve, children=4), curves)[0] == pytest.approx(25.0)
    assert limits_of(replace(evolve, stopping="none"), curves) == ()


@pytest.mark.parametrize("role", [Role.ANCESTOR, Role.CONTROL])
def test_only_children_are_stopped(evolve, role):
    curves = [[50.0, 60.0], [40.0, 30.0], [30.0, 20.0], [20.0, 10.0], [10.0, 5.0]]
    assert limits_of(evolve, curves, role=role) == ()


@pytest.mark.parametrize(
    ("losses", "hopeless"), [([31.0], True), ([30.0], False), ([30.0, 30.0], True), ([9.0] * 4, False)]
)
def test_who_is_stopped(evolve, losses, hopeless):
    result = result_of(9, losses, Genotype.from_lists(evolve.ancestor))
    assert exceeds(result.epochs, result.parameters, (30.0, 20.0, 20.0), evolve) is hopeless


def test_a_small_network_may_have_a_greater_loss(evolve):
    result = result_of(9, [31.0], Genotype.from_lists(evolve.ancestor))
    assert not exceeds(result.epochs, 2_000_000, (30.0,), evolve)


def test_children_are_stopped_and_complete_with_what_they_have(tmp_path):
    params = make_params(tmp_path, *STOPPING)
    results = run(params)
    assert len(results) == 25
    stopped = [result for result in results if result.stopped]
    # The first generation has nobody to be held against.
    assert stopped and all(result.generation > 1 for result in stopped)
    assert all(len(result.epochs) < 4 for result in stopped)
    assert all(len(result.epochs) == 4 for result in results if not result.stopped)
    fitness = {each.number: each.fitness for each in population(params)}
    assert all(fitness[result.number] == fitness_so_far(result, params.evolve)[-1] for result in results)


@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
def test_neither_the_ancestor_nor_controls_are_stopped_or_set_limits(tmp_path, schedule):
    params = make_params(tmp_path, *STOPPING, "evolve.controls=true", f"evolve.schedule={schedule}")
    limits = {}

    def trainer(spec, params, weights):
        limits[spec.number] = spec.limits
        result, weights = stopping_trainer(spec, params, weights)
        if spec.role is Role.CHILD:
            return result, weights
        epochs = tuple(replace(epoch, val_loss=1e-3) for epoch in result.epochs)  # nobody could keep up with
        return replace(result, epochs=epochs), weights

    search.run(params, engine=partial(InlineEngine, trainer=trainer, slots=1))
    individuals = population(params)
    assert any(each.role is Role.CONTROL for each in individuals)
    for each in individuals:
        assert all(limit > 10 for limit in limits[each.number])
        assert each.role is Role.CHILD or limits[each.number] == ()
    assert any(each.role is Role.CHILD and np.isfinite(limits[each.number]).any() for each in individuals)


@pytest.mark.slow
@pytest.mark.parametrize("gone", [("weights.h5",), ("result.json",)])
@pytest.mark.parametrize("slots", [1, 8])
def test_limits_are_the_same_where_files_of_the_others_are_lost(tmp_path, gone, slots):
    longer = "evolve.generations=4"
    whole = run(make_params(tmp_path / "whole", *STOPPING, longer))
    params = make_params(tmp_path / "parts", *STOPPING)
    run(params)
    for number in (18, 20, 24):
        for name in gone:
            (SearchStore(Path(params.evolve.root)).folder(number) / name).unlink()
    assert run(make_params(tmp_path / "parts", *STOPPING, longer), slots=slots) == whole


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "order_seed"), [(3, 1), (100, 2)])
def test_who_is_stopped_does_not_depend_on_the_number_of_workers(tmp_path, slots, order_seed):
    alone = run(make_params(tmp_path / "alone", *STOPPING), slots=1)
    assert run(make_params(tmp_path / "several", *STOPPING), slots=slots, order_seed=order_seed) == alone


def test_a_search_that_was_cut_off_stops_the_same(tmp_path):
    whole = run(make_params(tmp_path / "whole", *STOPPING))
    params = make_params(tmp_path / "parts", *STOPPING)

    class Cut(Exception):  # noqa: N818
        pass

    def breaking(at):
        def trainer(spec, params, weights):
            if spec.number == at:
                raise Cut
            return stopping_trainer(spec, params, weights)

        return trainer

    for at in (11, 20):
        with pytest.raises(Cut):
            search.run(params, engine=partial(InlineEngine, trainer=breaking(at)))
    assert run(params) == whole


def test_by_default_nobody_is_stopped(tmp_path):
    params = make_params(tmp_path)
    assert params.evolve.stopping == "none"
    assert not any(result.stopped for result in run(params))


def test_a_selection_by_other_measures_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"evolve\.stopping: got 'percentile', must be none with evolve\.selection 'ap'"
    ):
        make_params(tmp_path, "evolve.stopping=percentile", "evolve.selection=ap")

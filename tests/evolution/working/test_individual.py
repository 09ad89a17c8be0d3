"""One individual, really trained: on a few drawn people, with a network of a few thousand weights."""

from dataclasses import replace

import psutil
import pytest
from search_doubles import TINY_ANCESTOR

from evopose2d.config.schema import Params
from evopose2d.errors import DataError, TrainingError, WeightsError
from evopose2d.evolution.individuals.configuration import network_spec
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.sampler import Role
from evopose2d.evolution.working.individual import train_individual
from evopose2d.evolution.working.worker import crops_of_process, functions_of_process
from evopose2d.fitness import fitness
from evopose2d.genotype import Genotype
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.weights import load_weights

WIDER = [[3, 1, 1, 1], [3, 1, 1, 2], [5, 1, 2, 2], [3, 1, 2, 2], [3, 1, 2, 1], [3, 1, 2, 1], [3, 1, 2, 1]]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params(tiny_params) -> Params:
    return tiny_params


def ancestor_spec(**changes) -> IndividualSpec:
    spec = IndividualSpec(0, 0, None, "", Genotype.from_lists(TINY_ANCESTOR), None, epochs=3, seed=5)
    return replace(spec, **changes)


@pytest.fixture(scope="module")
def ancestor(params):
    return train_individual(ancestor_spec(), params, None)


def test_the_result_is_that_of_the_best_epoch(params, ancestor):
    result, _ = ancestor
    losses = [epoch.val_loss for epoch in result.epochs]
    assert len(losses) == 3
    best = result.epochs[losses.index(min(losses))]
    assert (result.val_loss, result.ap) == (best.val_loss, best.val_ap)
    size = recorded(network_spec(params.model, result.genotype, 17)).size
    assert (result.parameters, result.multiply_adds) == (size.parameters, size.multiply_adds)
    expected = fitness(losses, size.parameters, target_parameters=5e6, exponent=-0.07)
    assert result.fitness == pytest.approx(expected, rel=1e-12)


def test_the_weights_are_a_file_of_the_individuals_network(params, ancestor, tmp_path):
    _, weights = ancestor
    path = tmp_path / "weights.h5"
    path.write_bytes(weights)
    network = build_network(replace(params.model, genotype=TINY_ANCESTOR), 17, seed=1)
    assert load_weights(network, path).complete


def test_the_same_spec_gives_the_same_individual_and_leaves_nothing_behind(params, ancestor, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result, weights = train_individual(ancestor_spec(), params, None)
    assert replace(result, epochs=(), seconds=0) == replace(ancestor[0], epochs=(), seconds=0)
    assert weights == ancestor[1]
    assert list(tmp_path.iterdir()) == []


def test_crops_at_hand_change_nothing_and_serve_the_next_individual(params, ancestor):
    cache = crops_of_process(params.evolve.cache_megabytes)
    kept = cache._training, cache._evaluation
    result, weights = train_individual(ancestor_spec(), params, None)
    assert None not in kept and (cache._training, cache._evaluation) == kept
    without = replace(params, evolve=replace(params.evolve, cache_megabytes=0))
    again, weights_without = train_individual(ancestor_spec(), without, None)
    assert weights == weights_without == ancestor[1]
    assert [epoch.val_loss for epoch in again.epochs] == [epoch.val_loss for epoch in result.epochs]
    crops_of_process.cache_clear()


def test_functions_kept_of_other_individuals_change_nothing(params, ancestor):
    functions_of_process().forget()
    train_individual(ancestor_spec(number=1, seed=6, genotype=Genotype.from_lists(WIDER), epochs=1), params, None)
    kept = len(functions_of_process())
    result, weights = train_individual(ancestor_spec(), params, None)
    assert 0 < kept <= len(functions_of_process())
    assert weights == ancestor[1]
    assert [epoch.val_loss for epoch in result.epochs] == [epoch.val_loss for epoch in ancestor[0].epochs]


def test_a_child_starts_from_its_parents_weights(params, ancestor):
    parent, weights = ancestor
    spec = ancestor_spec(number=1, generation=1, parent=0, genotype=Genotype.from_lists(WIDER), epochs=1)
    child, _ = train_individual(replace(spec, parent_genotype=parent.genotype), params, weights)
    assert child.epochs[0].loss < parent.epochs[0].loss
    assert (child.parent, child.generation, child.genotype) == (0, 1, spec.genotype)


def test_the_ancestor_goes_on_from_initial_weights_and_a_finalist_takes_what_it_can(params, ancestor):
    weights = ancestor[1]
    started = replace(params, evolve=replace(params.evolve, ancestor=TINY_ANCESTOR, initial_weights="trained.h5"))
    losses = {}
    for genotype in (TINY_ANCESTOR, WIDER):
        spec = ancestor_spec(role=Role.FINALIST, genotype=Genotype.from_lists(genotype), epochs=1)
        losses[str(genotype)] = train_individual(spec, started, weights)[0].epochs[0].loss
    assert all(loss < ancestor[0].epochs[0].loss for loss in losses.values())
    with pytest.raises(WeightsError, match=r"evolve\.initial_weights: got trained\.h5: "):
        train_individual(ancestor_spec(role=Role.ANCESTOR), started, b"no weights")


def test_a_loss_that_is_not_a_number_ends_the_attempt(params):
    hot = replace(params, evolve=replace(params.evolve, learning_rate=1e30))
    with pytest.raises(TrainingError, match="the loss became"):
        train_individual(ancestor_spec(epochs=50), hot, None)
    assert len(functions_of_process()) == 0


def test_damaged_weights_of_a_parent_are_refused(params):
    spec = ancestor_spec(number=1, parent=0, parent_genotype=Genotype.from_lists(TINY_ANCESTOR))
    with pytest.raises(WeightsError):
        train_individual(spec, params, b"no weights")


def test_missing_records_are_named(params, tmp_path):
    elsewhere = replace(params, write_tfrecords=replace(params.write_tfrecords, root=str(tmp_path)))
    with pytest.raises(DataError, match=r"info\.json: not found"):
        train_individual(ancestor_spec(), elsewhere, None)


def test_individuals_after_each_other_leave_little_behind_in_a_worker(params, ancestor):
    before = psutil.Process().memory_info().rss
    for number in range(1, params.evolve.tasks_per_worker):
        train_individual(ancestor_spec(number=number, seed=number, epochs=1), params, None)
    assert psutil.Process().memory_info().rss - before < 60e6

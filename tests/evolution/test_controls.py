"""Controls: unmutated copies of parents that are trained beside their children."""

import contextlib
from dataclasses import replace
from functools import partial

import pytest
from search_doubles import InlineEngine, make_params, population, pretend_to_train

from evopose2d.evolution import search
from evopose2d.evolution.sampler import Role

CONTROLS = ("evolve.controls=true",)


@pytest.mark.parametrize("slots", [1, 3, 100])
def test_controls_are_trained_beside_the_children_of_their_parents(tmp_path, slots):
    params = make_params(tmp_path, *CONTROLS)
    seen = {}

    def trainer(spec, params, weights):
        seen[spec.number] = spec
        return pretend_to_train(spec, params, weights)

    search.run(params, engine=partial(InlineEngine, trainer=trainer, slots=slots, order_seed=slots))
    individuals = population(params)
    roles = [each.role.value for each in individuals]
    assert roles == ["ancestor", "control", *["child"] * 4, "control", "control", *["child"] * 4]
    for each in individuals[1:]:
        spec, parent = seen[each.number], individuals[each.parent]
        assert (spec.role, spec.parent_genotype, spec.epochs) == (each.role, parent.genotype, 2)
        siblings = [seen[other.number].seed for other in individuals if other.generation == each.generation]
        assert set(siblings) == {spec.seed}
        if each.role is Role.CONTROL:
            assert (each.genotype, spec.mutation) == (parent.genotype, "")
            assert any(other.parent == each.parent and other.role is Role.CHILD for other in individuals)
    assert individuals == reference(tmp_path / "reference", *CONTROLS)


def reference(folder, *overrides):
    params = make_params(folder, *overrides)
    search.run(params, engine=InlineEngine)
    return population(params)


def test_a_search_with_controls_that_was_cut_off_is_the_same(tmp_path):
    params = make_params(tmp_path / "cut", *CONTROLS)

    class Cut(Exception):  # noqa: N818
        pass

    cuts = 0
    for at in (1, 3, 7, 11):

        def trainer(spec, params, weights, at=at):
            if spec.number == at:
                raise Cut
            return pretend_to_train(spec, params, weights)

        with contextlib.suppress(Cut):  # whoever has been trained before is not again
            search.run(params, engine=partial(InlineEngine, trainer=trainer))
            continue
        cuts += 1
    assert cuts > 0
    search.run(params, engine=InlineEngine)
    assert population(params) == reference(tmp_path / "whole", *CONTROLS)


def test_in_the_steady_state_a_second_control_of_a_parent_trains_with_other_random_numbers(tmp_path):
    params = make_params(tmp_path, *CONTROLS, "evolve.schedule=steady-state", "evolve.parents=1", "evolve.children=3")
    seeds = {}

    def trainer(spec, params, weights):
        seeds[spec.number] = spec.seed
        result, weights = pretend_to_train(spec, params, weights)
        # Nobody is better than the ancestor, which goes on being the parent.
        return (result if spec.parent is None else replace(result, fitness=result.fitness + 1e6)), weights

    search.run(params, engine=partial(InlineEngine, trainer=trainer, slots=1))
    family = [each for each in population(params) if each.parent == 0]
    groups = []
    for each in family:
        if each.role is Role.CONTROL:
            groups.append(set())
        groups[-1].add(seeds[each.number])
    assert len(groups) == 2
    assert [len(group) for group in groups] == [1, 1]
    assert groups[0] != groups[1]

from dataclasses import replace

import optuna
import pytest
from search_doubles import make_params

from evopose2d.errors import ConfigError
from evopose2d.evolution.individuals.configuration import (
    check_search,
    evolution_sampler,
    individual_params,
    network_size,
    total_children,
    training_seed,
    with_absolute_paths,
)
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.sampler import Individual, State, suggest_genotype
from evopose2d.genotype import Genotype, neighbours
from evopose2d.networks.families.evopose2d import describe


def test_the_shipped_settings_are_those_of_a_search(tmp_path):
    check_search(make_params(tmp_path))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["model.architecture=hrnet", "model.variant=w32"]
            + [f"model.{key}=null" for key in ("genotype", "compound_scaling", "head_blocks", "head_channels")],
            r"model\.architecture: got 'hrnet', must be one that has a genotype, such as evopose2d",
        ),
        (["evolve.space.strided=[3,5]"], r"model\.input_shape: got \[128, 96\], must be multiples of 64"),
        (
            ["evolve.space.strided=[1,4]", "evolve.space.stride_blocks=7"],
            r"model\.head_blocks: got 3, must be at most 2",
        ),
        (["evolve.cpus=1.5"], r"evolve\.cpus: got 1\.5, must be a whole number"),
        (["evolve.gpus=2.5"], r"evolve\.gpus: got 2\.5, must be a whole number"),
        (["accelerator.device=gpu"], r"evolve\.gpus: got 0\.0, must be above 0 where accelerator\.device is gpu"),
        (
            ["evolve.max_parameters=9"],
            r"evolve\.max_parameters: got 9, must be at least the ancestor's \d{6}",
        ),
        (["evolve.max_multiply_adds=1"], r"evolve\.max_multiply_adds: got 1, must be at least the ancestor's \d{8}"),
        (["accelerator.device=tpu", "evolve.gpus=1"], r"evolve\.tpus: got 0\.0, must be above 0"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(tmp_path, overrides, told):
    with pytest.raises(ConfigError, match=told) as refused:
        check_search(make_params(tmp_path, *overrides))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "overrides", [["evolve.space.strided=[0,7]", "evolve.space.stride_blocks=0"], ["evolve.gpus=0.5"]]
)
def test_settings_that_fit_are_taken(tmp_path, overrides):
    check_search(make_params(tmp_path, *overrides))


def test_every_reachable_genotype_builds_a_network(tmp_path):
    params = make_params(tmp_path)
    space = search_space(params)
    for child in neighbours(space.ancestor, space):
        describe(replace(params.model, genotype=child.to_lists()), 17)


@pytest.mark.parametrize("measure", ["parameters", "multiply_adds"])
def test_networks_beyond_a_limit_are_never_proposed(tmp_path, measure):
    params = make_params(tmp_path)
    own = getattr(network_size(params.model, search_space(params).ancestor, 17), measure)
    limited = make_params(tmp_path, f"evolve.max_{measure}={own}", "evolve.mutations=3")
    sizes = {}
    for each in (params, limited):
        sampler, study = evolution_sampler(each, 17), optuna.create_study()
        study.sampler = sampler
        for _ in range(25):
            trial = study.ask()
            genotype = suggest_genotype(trial, sampler.settings.space)
            sizes.setdefault(each is limited, []).append(getattr(network_size(each.model, genotype, 17), measure))
            study.tell(trial, 1.0)
    assert max(sizes[True]) <= own < max(sizes[False])
    assert len(set(sizes[True])) > 15


def test_genotypes_that_build_the_same_network_are_one(tmp_path):
    params = make_params(tmp_path, "model.compound_scaling=true")
    sampler = evolution_sampler(params, 17)
    ancestor = search_space(params).ancestor
    key = sampler.settings.fingerprint
    assert ancestor.with_gene(2, "repeats", 1) != ancestor
    # At 128 x 96 the depth of 2 repeats and that of 1 round to the same.
    assert key(ancestor.with_gene(2, "repeats", 1)) == key(ancestor)
    assert key(ancestor.with_gene(2, "kernel", 3)) != key(ancestor)


def seeds(folder, individuals, *overrides):
    """Seeds by ``(number, generation, parent)``."""
    evolve = make_params(folder, *overrides).evolve
    genotype = Genotype.from_lists(evolve.ancestor)
    return {each: training_seed(evolve, Individual(*each, genotype, State.RUNNING)) for each in individuals}


def test_seeds_are_the_individuals_own_as_in_the_paper(tmp_path):
    individuals = [(0, 0, None), *((number, 1, 0) for number in range(1, 1000))]
    found = [seeds(tmp_path, individuals, "evolve.random_numbers=individual", f"evolve.seed={each}") for each in (0, 1)]
    values = [seed for each in found for seed in each.values()]
    assert len(set(values)) == len(values) == 2000
    assert all(0 <= seed < 2**31 for seed in values)
    assert found[0] == seeds(tmp_path, individuals, "evolve.random_numbers=individual")


def test_individuals_of_a_generation_share_their_random_numbers(tmp_path):
    family = [(0, 0, None), (1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 2, 1), (5, 3, 1)]
    found = seeds(tmp_path, family, "evolve.random_numbers=common")
    groups = [[family[0]], family[1:3], family[3:5], family[5:]]
    assert [len({found[each] for each in group}) for group in groups] == [1, 1, 1, 1]
    assert len(set(found.values())) == len(groups)
    assert set(found.values()).isdisjoint(seeds(tmp_path, family, "evolve.seed=1").values())


def test_in_the_steady_state_the_children_of_a_parent_share_them(tmp_path):
    family = [(0, 0, None), (1, 1, 0), (2, 1, 0), (3, 2, 1), (4, 2, 2), (5, 2, 1)]
    found = list(seeds(tmp_path, family, "evolve.schedule=steady-state").values())
    assert found[1] == found[2] and found[3] == found[5]
    assert len(set(found)) == 4


def test_the_size_of_a_search(tmp_path):
    assert total_children(make_params(tmp_path).evolve) == 8
    assert total_children(make_params(tmp_path, "evolve.generations=0").evolve) == 0


@pytest.mark.parametrize(
    ("overrides", "device"),
    [
        ([], "cpu"),
        (["evolve.gpus=0.5"], "auto"),
        (["evolve.gpus=1", "accelerator.device=gpu"], "gpu"),
        (["evolve.tpus=4"], "auto"),
    ],
)
def test_an_individual_takes_a_device_only_if_it_is_given_one(tmp_path, overrides, device):
    params = make_params(tmp_path, *overrides)
    genotype = Genotype.from_lists(params.evolve.ancestor)
    spec = IndividualSpec(0, 0, None, "", genotype, None, epochs=1, seed=0)
    assert individual_params(params, spec).accelerator.device == device


def test_an_individual_is_trained_as_the_search_says(tmp_path):
    flips = ("evolve.flip_probability=0.25", "train.augmentation.flip_probability=0.75")
    params = make_params(tmp_path, "evolve.learning_rate=0.01", *flips)
    genotype = Genotype.from_lists(params.evolve.ancestor).with_gene(0, "kernel", 5)
    spec = IndividualSpec(3, 1, 0, "", genotype, None, epochs=7, seed=11)
    own = individual_params(params, spec)
    assert own.model.genotype == genotype.to_lists()
    augmentation = own.train.augmentation
    assert augmentation.flip_probability == 0.25
    assert (augmentation.scale, augmentation.rotation_probability, augmentation.half_body_probability) == (0, 0, 0)
    assert (own.train.schedule, own.train.warmup_epochs, own.train.initial_weights) == ("cosine", 0, None)
    assert (own.train.batch_size, own.train.learning_rate) == (params.evolve.batch_size, 0.01)
    assert (own.train.epochs, own.train.seed) == (7, 11)
    assert (own.train.l2, own.train.sigma) == (params.train.l2, params.train.sigma)


def test_sizes_are_those_of_the_genotypes_network(tmp_path):
    params = make_params(tmp_path)
    ancestor = Genotype.from_lists(params.evolve.ancestor)
    smaller = ancestor.with_gene(6, "channels", 1)
    assert network_size(params.model, smaller, 17).parameters < network_size(params.model, ancestor, 17).parameters


def test_workers_find_the_data_wherever_they_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = make_params(tmp_path, "dataset.root=data/coco", "write_tfrecords.root=gs://bucket/records")
    absolute = with_absolute_paths(relative)
    assert absolute.dataset.root == str(tmp_path / "data" / "coco")
    assert absolute.write_tfrecords.root == "gs://bucket/records"

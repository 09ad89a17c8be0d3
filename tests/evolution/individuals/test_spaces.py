"""The spaces that ``evolve.space.kind`` names."""

from dataclasses import asdict

import numpy as np
import pytest
from search_doubles import make_params

from evopose2d.errors import ConfigError
from evopose2d.evolution.individuals.configuration import check_search, network_spec
from evopose2d.evolution.individuals.spaces import genotype_in, paper_search_space, search_space, space_of_settings
from evopose2d.evolution.results.identity import _flatten
from evopose2d.genotype import Genotype, PaperSpace, mutate
from evopose2d.networks.families.evopose2d import recorded
from evopose2d.networks.registry import read_model

EXTENDED = ("evolve.space.kind=extended", "evolve.space.head_blocks=[2,3,4]", "evolve.space.head_channels=[32,64]")


def walk(space, steps, seed=0):
    genotype, rng, seen = space.ancestor, np.random.default_rng(seed), set()
    for _ in range(steps):
        seen.add(genotype)
        genotype = mutate(genotype, space, seen, rng)
        yield genotype


def test_the_papers_space_is_the_default(tmp_path):
    params = make_params(tmp_path)
    assert isinstance(search_space(params), PaperSpace)
    assert search_space(params) == paper_search_space(params, "anything")


def test_the_extended_ancestor_builds_the_papers_ancestors_network(tmp_path):
    params = make_params(tmp_path, *EXTENDED)
    extended, paper = search_space(params), search_space(make_params(tmp_path))
    assert network_spec(params.model, extended.ancestor, 17) == network_spec(params.model, paper.ancestor, 17)
    assert len(extended.genes) == 28 + 14 + 2


def test_every_genotype_of_the_extended_space_builds_a_network_that_its_settings_tell(tmp_path):
    params = make_params(tmp_path, *EXTENDED)
    check_search(params)
    space, changed = search_space(params), set()
    for genotype in walk(space, 150):
        spec = network_spec(params.model, genotype, 17)
        assert recorded(spec).size.parameters > 0
        section = asdict(params.model) | genotype.model_settings
        assert genotype_in(space, asdict(read_model(section))) == genotype
        assert Genotype.from_json(genotype.to_json()) == genotype
        changed |= {name for name, value in genotype.genes.items() if space.ancestor.genes[name] != value}
    assert {"head_blocks", "head_channels", "b3_expansion", "b3_squeeze", "b3_kernel"} <= changed


def test_an_ancestor_may_have_an_expansion_of_its_own(tmp_path):
    rows = [[3, 1, 2, 1, 1, 4], *([[3, 1, 4, 2, 3, 8]] * 3), *([[5, 2, 5, 1, 6, 4]] * 3)]
    params = make_params(tmp_path, *EXTENDED, f"evolve.ancestor={rows}")
    assert search_space(params).ancestor.to_lists() == rows


def test_a_searchs_stored_settings_give_its_space(tmp_path):
    params = make_params(tmp_path, *EXTENDED)
    settings = _flatten(asdict(params))
    assert space_of_settings(settings) == search_space(params)
    earlier = {key: value for key, value in settings.items() if key.rpartition(".")[2] not in _OF_LATER_VERSIONS}
    assert space_of_settings(earlier) == search_space(make_params(tmp_path))


_OF_LATER_VERSIONS = ("kind", "head_blocks", "head_channels", "expansion", "squeeze")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["evolve.space.kind=papre"], r"^evolve\.space\.kind: got 'papre', must be one of paper, extended$"),
        (
            [*EXTENDED, "evolve.space.head_channels=[32]"],
            r"^evolve\.space\.start: got head_channels 64, must be one of",
        ),
        ([*EXTENDED, "evolve.space.squeeze=[8,4]"], r"^evolve\.space\.b1_squeeze: got \[8, 4\], must be distinct"),
        (
            ["evolve.space.kind=extended", "evolve.space.head_blocks=[4,5]", "model.head_blocks=5"],
            r"^model\.head_blocks: got 5, must be at most 4",
        ),
        (
            [
                "evolve.space.kind=extended",
                "evolve.space.head_blocks=[3,4,5]",
                "evolve.space.head_channels=[32,64]",
                "evolve.space.strided=[3,5]",
                "model.input_shape=[96,96]",
            ],
            r"^model\.input_shape: got \[96, 96\], must be multiples of 64 where a genotype .* 5 blocks of stride 2",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused_in_one_line(tmp_path, overrides, told):
    with pytest.raises(ConfigError, match=told) as refused:
        check_search(make_params(tmp_path, *overrides))
    assert "\n" not in str(refused.value)


def test_genes_of_blocks_alone_are_refused_by_the_papers_space(tmp_path):
    rows = [[3, 1, 2, 1, 1, 4], *([[3, 1, 4, 2]] * 3), *([[5, 2, 5, 1]] * 3)]
    with pytest.raises(ConfigError, match=r"^evolve\.ancestor: got genes b1_expansion, b1_squeeze, must be those of"):
        make_params(tmp_path, f"evolve.ancestor={rows}")
    with pytest.raises(ConfigError, match=r"^evolve\.space\.kind: got 'extended', must be paper for the ground truth$"):
        paper_search_space(make_params(tmp_path, *EXTENDED), "the ground truth")

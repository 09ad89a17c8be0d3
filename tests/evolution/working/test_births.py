"""Children at birth and after their training, by inheritance rule: on a few drawn people, with tiny networks."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import individual_spec
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.sampler import Individual, State
from evopose2d.evolution.working.births import inspect_births, parent_of_file, parent_of_search
from evopose2d.evolution.working.individual import train_individual
from evopose2d.genotype import Genotype
from evopose2d.inheritance import RULES

NARROW = [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 1, 2], [3, 1, 1, 2], [3, 1, 1, 1], [3, 1, 1, 1], [3, 1, 1, 1]]


_BIAS = "final_conv/bias"


@pytest.fixture(scope="module")
def searched(tiny_params, tmp_path_factory):
    """Settings whose search holds a trained ancestor; it can mutate its kernels alone."""
    evolve = replace(
        tiny_params.evolve,
        root=str(tmp_path_factory.mktemp("search")),
        ancestor=NARROW,
        space=replace(tiny_params.evolve.space, repeats=[1, 1], stride_blocks=0),
    )
    params = replace(tiny_params, evolve=evolve)
    ancestor = Individual(0, 0, None, Genotype.from_lists(NARROW), State.RUNNING)
    result, weights = train_individual(individual_spec(evolve, ancestor, None), params, None)
    store = SearchStore(Path(evolve.root))
    store.write_weights(0, weights)
    # A few steps leave the val loss almost where random weights have it: this tells the parent from a stranger.
    with h5py.File(store.weights_path(0), "r+") as file:
        file.visititems(lambda name, item: item.write_direct(np.full(17, 20.0, "float32")) if _BIAS in name else None)
    store.write_result(result)
    return params


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_every_kind_is_measured_under_every_rule(searched, train):
    (row,) = inspect_births(searched, parent_of_search(searched, 0), per_kind=1, train=train)
    assert list(row) == ["mutation", "children", *RULES]
    assert (row["mutation"], row["children"]) == ("kernel 3 to 5", 1)
    if not train:  # a kernel that grew computes its parent's function; a random one does not
        assert row["function-preserving"] == pytest.approx(1, abs=1e-3)
        assert row["none"] != pytest.approx(1, abs=0.1)


def test_an_individual_that_is_not_there_is_named(tiny_params, tmp_path):
    elsewhere = replace(tiny_params, evolve=replace(tiny_params.evolve, root=str(tmp_path)))
    with pytest.raises(SearchError, match=r"0003: no trained individual"):
        parent_of_search(elsewhere, 3)


def test_a_genotype_outside_of_the_space_is_refused(tiny_params):
    wide = [[3, 1, 9, 1], *NARROW[1:]]
    with pytest.raises(ConfigError, match=r"^model\.genotype: got [^\n]+ must lie in the search space"):
        parent_of_file(replace(tiny_params, model=replace(tiny_params.model, genotype=wide)), Path("weights.h5"))

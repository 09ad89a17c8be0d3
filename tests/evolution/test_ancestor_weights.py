"""What a search's ancestor starts from."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from search_doubles import ANCESTOR, InlineEngine, make_params, population, pretend_to_train

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.initial_weights import find_initial_weights, is_imagenet
from evopose2d.evolution.sampler import Role
from evopose2d.files import file_sha256


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "trained.h5"
    path.write_bytes(b"trained weights")
    return path


def run(folder, *overrides):
    """Run a search; returns what each individual started from, by role and number."""
    params, starts = make_params(folder, *overrides), {}

    def training(spec, params, weights):
        starts[spec.role, spec.number] = weights
        return pretend_to_train(spec, params, weights)

    search.run(params, engine=partial(InlineEngine, trainer=training))
    return params, starts


def test_the_ancestor_and_the_finalists_start_from_it_and_children_from_their_parents(tmp_path, weights):
    _, starts = run(tmp_path, f"evolve.initial_weights={weights}", "evolve.finalists=1", "evolve.controls=true")
    given = {key for key, start in starts.items() if start == weights.read_bytes()}
    assert given == {key for key in starts if key[0] in (Role.ANCESTOR, Role.FINALIST)}
    assert all(starts[key] for key in starts)
    _, random = run(tmp_path / "random", "evolve.finalists=1")
    assert random[Role.ANCESTOR, 0] is None


def test_a_search_goes_on_with_the_same_file_under_any_name_alone(tmp_path, weights):
    params, _ = run(tmp_path, f"evolve.initial_weights={weights}")
    before = population(params)
    moved = weights.rename(tmp_path / "moved.h5")
    pinned = f"evolve.initial_weights='{moved}#sha256={file_sha256(moved)}'"
    run(tmp_path, pinned)
    assert population(params) == before
    moved.write_bytes(b"other weights")
    with pytest.raises(WeightsError, match=r"moved\.h5: got SHA-256"):
        run(tmp_path, pinned)
    with pytest.raises(ConfigError, match=r"evolve\.initial_weights weights#sha256=\w+ -> weights#sha256="):
        run(tmp_path, f"evolve.initial_weights={moved}")
    with pytest.raises(ConfigError, match=r"evolve\.initial_weights .* -> absent"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("nowhere.h5", r"evolve\.initial_weights: nowhere\.h5: cannot be read"),
        ("imagenet:nowhere.h5", r"nowhere\.h5: cannot be read"),
    ],
)
def test_a_file_that_is_not_there_is_told_before_anything_is_trained(tmp_path, value, told):
    params = make_params(tmp_path, f"evolve.initial_weights={value}")
    with pytest.raises(WeightsError, match=told) as refused:
        find_initial_weights(params)
    assert "\n" not in str(refused.value)


def test_a_digest_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"evolve\.initial_weights: got 'x\.h5#sha256=12'"):
        make_params(tmp_path, "evolve.initial_weights='x.h5#sha256=12'")


def trained_network(folder: Path, params, **changes) -> Path:
    folder.mkdir()
    (folder / "network.weights.h5").write_bytes(b"weights")
    model = asdict(params.model) | {"genotype": json.loads(ANCESTOR)} | changes
    (folder / "network.json").write_text(json.dumps({"model": model}))
    return folder


def test_a_trained_network_can_be_the_ancestor(tmp_path):
    params = make_params(tmp_path)
    pose = trained_network(tmp_path / "pose", params)
    found = find_initial_weights(make_params(tmp_path, f"evolve.initial_weights={pose}"))
    assert found.path == pose / "network.weights.h5"
    assert found.identity == f"weights#sha256={file_sha256(found.path)}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"genotype": [[3, 1, 1, 1], *[[3, 1, 2, 2]] * 3, *[[5, 1, 3, 1]] * 3]}, "which evolve.ancestor must be"),
        ({"head_channels": 7}, r"another model\.head_channels \(7\) than the search \(64\)"),
    ],
)
def test_another_trained_network_is_refused(tmp_path, changes, told):
    pose = trained_network(tmp_path / "pose", make_params(tmp_path), **changes)
    with pytest.raises(ConfigError, match=told):
        find_initial_weights(make_params(tmp_path, f"evolve.initial_weights={pose}"))


def test_a_folder_without_a_network_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"network\.json: no trained EvoPose2D here"):
        find_initial_weights(make_params(tmp_path, f"evolve.initial_weights={tmp_path}"))


def test_which_weights_are_imagenets():
    assert [is_imagenet(each) for each in ("imagenet", "imagenet:x.h5", "imagenet:x#sha256=0")] == [True] * 3
    assert [is_imagenet(each) for each in (None, "x.h5", "my/imagenet.h5")] == [False] * 3

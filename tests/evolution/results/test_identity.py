import json
from pathlib import Path

import pytest
from search_doubles import make_params

from evopose2d.data.shards import read_info
from evopose2d.errors import ConfigError, DataError, SearchError
from evopose2d.evolution.results.identity import check_identity, read_identity, search_identity


def identity_of(params):
    root = Path(params.write_tfrecords.root)
    return search_identity(params, {name: read_info(root / name) for name in ("train", "val")})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search" / "search.json"


def start(tmp_path, path, *overrides):
    check_identity(path, identity_of(make_params(tmp_path, *overrides)))


def test_the_same_settings_are_welcome(tmp_path, path):
    start(tmp_path, path)
    before = path.read_bytes()
    start(tmp_path, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "override",
    [
        "evolve.workers=3",
        "evolve.cpus=2",
        "evolve.gpus=0.5",
        "evolve.ray_address=auto",
        "evolve.attempts=9",
        "evolve.tasks_per_worker=1",
        "evolve.cache_megabytes=0",
        "write_tfrecords.workers=2",
        "write_tfrecords.crops.quality=50",
        "train.epochs=99",
        "train.seed=4",
        "model.genotype=[[3,1,1,1],[3,1,1,2],[3,1,1,2],[3,1,1,2],[3,1,1,1],[3,1,1,1],[3,1,1,1]]",
        "validate.flip_test=false",
        "tracking.uri=http://elsewhere",
        "accelerator.device=cpu",
    ],
)
def test_what_does_not_determine_the_outcome_may_change(tmp_path, path, override):
    start(tmp_path, path)
    start(tmp_path, path, override)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("evolve.children=6", "evolve.children 4 -> 6"),
        ("evolve.seed=1", "evolve.seed 0 -> 1"),
        ("evolve.threads=4", "evolve.threads 2 -> 4"),
        ("evolve.schedule=steady-state", "evolve.schedule generational -> steady-state"),
        ("evolve.generations=1", "evolve.generations 2 -> 1"),
        ("evolve.space.repeats=[1,5]", r"evolve.space.repeats \[1, 4\] -> \[1, 5\]"),
        ("model.head_channels=32", "model.head_channels 64 -> 32"),
        ("train.sigma=3", "train.sigma 2.0 -> 3.0"),
        ("train.l2=0.5", r"train.l2 \S+ -> 0.5"),
        ("accelerator.precision=bfloat16", "accelerator.precision float32 -> bfloat16"),
        ("dataset.synthetic.seed=1", "dataset.synthetic.seed 2020 -> 1"),
    ],
)
def test_a_change_is_refused_with_its_key_and_both_values(tmp_path, path, override, told):
    start(tmp_path, path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=told) as refused:
        start(tmp_path, path, override)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before


def test_all_changes_are_named_at_once(tmp_path, path):
    start(tmp_path, path)
    with pytest.raises(ConfigError, match=r"evolve.children 4 -> 6.*train.l2"):
        start(tmp_path, path, "evolve.children=6", "train.l2=0.5")


def test_a_search_may_be_extended(tmp_path, path):
    start(tmp_path, path)
    first = read_identity(path)
    start(tmp_path, path, "evolve.generations=7")
    extended = read_identity(path)
    assert extended["settings"]["evolve.generations"] == 7
    assert (extended["id"], extended["started"]) == (first["id"], first["started"])


def test_other_records_are_refused(tmp_path, path):
    start(tmp_path, path)
    (tmp_path / "records" / "val" / "val-00000-of-00001.tfrecord").write_bytes(b"more records")
    with pytest.raises(ConfigError, match=r"records\.val"):
        start(tmp_path, path)


def test_other_annotations_are_refused(tmp_path, path):
    start(tmp_path, path)
    (tmp_path / "coco" / "annotations" / "person_keypoints_val2017.json").write_text("{ }")
    with pytest.raises(ConfigError, match=r"records\.annotations"):
        start(tmp_path, path)


def test_missing_annotations_are_named(tmp_path, path):
    params = make_params(tmp_path)
    annotations = tmp_path / "coco" / "annotations" / "person_keypoints_val2017.json"
    annotations.unlink()
    with pytest.raises(DataError, match="person_keypoints_val2017"):
        identity_of(params)


def test_a_moved_project_goes_on(tmp_path, path):
    start(tmp_path, path)
    params = make_params(tmp_path / "elsewhere", f"evolve.root={tmp_path / 'search'}")
    check_identity(path, identity_of(params))


def test_every_search_has_its_own_id(tmp_path, path):
    start(tmp_path, path)
    other = path.with_name("other.json")
    start(tmp_path, other)
    assert read_identity(path)["id"] != read_identity(other)["id"]


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', '{"version": 0, "id": "", "settings": {}}'])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, path, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SearchError, match=r"search\.json"):
        start(tmp_path, path)


def test_every_setting_is_a_json_value(tmp_path):
    params = make_params(tmp_path)
    identity = identity_of(params)
    assert json.loads(json.dumps(identity)) == identity
    assert identity["evolve.ancestor"] == params.evolve.ancestor


@pytest.fixture
def earlier(tmp_path, path):
    """A search that was started before these keys were there, and while train.shuffle_buffer was."""
    start(tmp_path, path, "evolve.random_numbers=individual", "evolve.controls=false")
    stored = json.loads(path.read_text())
    added = ("dataset.format", "dataset.category", "dataset.box_from", "dataset.split", "evolve.random_numbers")
    kept = {
        key: value
        for key, value in stored["settings"].items()
        if not key.startswith(
            (*added, *(f"evolve.{name}" for name in ("controls", "accumulation", "mutations", "screening")))
        )
    }
    stored["settings"] = kept | {"train.shuffle_buffer": 1024, "model.variant": None}
    path.write_text(json.dumps(stored))


@pytest.mark.usefixtures("earlier")
def test_a_search_of_an_earlier_version_is_resumed_as_that_version_ran_it(tmp_path, path):
    start(tmp_path, path, "evolve.random_numbers=individual", "evolve.controls=false")
    assert read_identity(path)["settings"]["evolve.random_numbers"] == "individual"


def test_a_search_from_when_paths_began_with_a_tilde_is_resumed(tmp_path, path):
    start(tmp_path, path, "dataset.source=~/own")
    stored = json.loads(path.read_text())
    stored["settings"]["dataset.source"] = "~/own"
    path.write_text(json.dumps(stored))
    start(tmp_path, path, "dataset.source=~/own")
    with pytest.raises(ConfigError, match=r"dataset\.source"):
        start(tmp_path, path, "dataset.source=~/other")


@pytest.mark.usefixtures("earlier")
def test_what_an_earlier_version_did_otherwise_is_named(tmp_path, path):
    changes = r"settings: evolve\.controls false -> true, evolve\.random_numbers individual -> common;"
    with pytest.raises(ConfigError, match=changes):
        start(tmp_path, path, "evolve.controls=true")


def test_a_search_from_before_its_threads_were_told_is_resumed_and_tells_them_from_then_on(tmp_path, path):
    start(tmp_path, path)
    stored = json.loads(path.read_text())
    del stored["settings"]["evolve.threads"]
    path.write_text(json.dumps(stored))
    start(tmp_path, path)
    assert read_identity(path)["settings"]["evolve.threads"] == 2


@pytest.mark.parametrize("override", ["evolve.finalists=3", "evolve.final_epochs=9", "evolve.final_seeds=4"])
def test_other_finals_are_welcome_and_told(tmp_path, path, override):
    start(tmp_path, path)
    start(tmp_path, path, override)
    key, _, value = override.partition("=")
    assert read_identity(path)["settings"][key] == int(value)


def test_controls_cannot_come_later(tmp_path, path):
    start(tmp_path, path)
    with pytest.raises(ConfigError, match=r"evolve\.controls false -> true"):
        start(tmp_path, path, "evolve.controls=true")

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evopose2d.data.shards import RecordsInfo, read_info, remove_records, shard_path, write_info
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import schema_from_category


@pytest.fixture
def info(tmp_path, five_schema):
    return RecordsInfo(tmp_path / "val", people=9, images=4, skipped=1, shards=3, schema=five_schema)


@pytest.fixture
def written(info):
    info.folder.mkdir()
    for file in info.files:
        file.write_bytes(b"record")
    write_info(info)
    return info


def test_files_are_named_by_set_and_number(info):
    names = [file.name for file in info.files]
    assert names == [f"val-0000{index}-of-00003.tfrecord" for index in range(3)]


def test_what_is_written_is_what_is_read(written):
    assert read_info(written.folder) == written


def test_records_without_their_info_are_incomplete(written):
    (written.folder / "info.json").unlink()
    with pytest.raises(DataError, match="missing or incomplete"):
        read_info(written.folder)


def test_a_missing_file_is_named(written):
    written.files[1].unlink()
    with pytest.raises(DataError, match="val-00001-of-00003"):
        read_info(written.folder)


def test_an_empty_file_is_named(written):
    written.files[2].write_bytes(b"")
    with pytest.raises(DataError, match=r"val-00002-of-00003.tfrecord: is empty; .* write-tfrecords"):
        read_info(written.folder)


@pytest.mark.parametrize("change", [{"people": "many"}, {"keypoints": {"names": []}}, {"shards": None}])
def test_an_info_that_was_tampered_with_is_named(written, change):
    path = written.folder / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=r"info.json: cannot be used"):
        read_info(written.folder)


def test_removal_takes_records_and_what_interrupted_runs_left_and_no_more(written):
    folder = written.folder
    shard_path(folder, 7, 12).write_bytes(b"of another run")
    (folder / ".val-00001-of-00003-k3x_9a.tfrecord").write_bytes(b"half")
    (folder / ".info-k3x_9a.json").write_bytes(b"half")
    kept = [
        "notes.txt",
        "train-00000-of-00001.tfrecord",
        ".gitignore",
        "val-0-of-3.tfrecord",
        "info.json.bak",
    ]
    for name in kept:
        (folder / name).write_text("mine")
    remove_records(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)
    remove_records(folder / "absent")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sigmas", [0.06] * 5),
        ("sigmas", [0.05] * 4),
        ("flip_pairs", [["left_hand", "right_hand"]]),
        ("upper_body", ["head"]),
        ("upper_body", []),
    ],
)
def test_settings_of_keypoints_are_those_of_the_records(info, dataset_config, key, value):
    agreeing = replace(dataset_config(Path("coco")), upper_body=["left_hand", "head", "right_hand"])
    info.check_keypoints(agreeing)
    info.check_keypoints(replace(agreeing, sigmas=[0.05] * 5))
    with pytest.raises(ConfigError, match=rf"dataset\.{key}: got "):
        info.check_keypoints(replace(agreeing, **{key: value}))


def test_records_of_a_dataset_without_pairs_of_its_own_are_told_as_before(written):
    told = json.loads((written.folder / "info.json").read_text())["keypoints"]
    assert set(told) == {"names", "skeleton", "flip_permutation", "sigmas", "upper_body", "category_id"}


def test_pairs_that_the_dataset_itself_names_are_those_of_the_records(written, dataset_config):
    category = written.schema.category | {"id": 3, "flip_pairs": [["head", "left_foot"]]}
    held = replace(written, schema=schema_from_category(category))
    write_info(held)
    read = read_info(held.folder)
    assert read.schema == held.schema
    read.check_keypoints(dataset_config(Path("coco")))
    with pytest.raises(ConfigError, match=r"dataset\.flip_pairs: got \[\]"):
        read.check_keypoints(replace(dataset_config(Path("coco")), flip_pairs=[]))

import dataclasses
from pathlib import Path

import pytest
from search_doubles import make_params

from evopose2d.errors import DataError
from evopose2d.evolution.working import shipping
from evopose2d.evolution.working.shipping import FileServer, data_files, localise, manifest_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/evopose2d/search-data"


@pytest.fixture
def drivers(tmp_path):
    """Settings whose data lie on the driver's machine."""
    params = make_params(tmp_path / "driver")
    (tmp_path / "driver/records/train/train-00000-of-00001.tfrecord").write_bytes(bytes(range(256)) * 40)
    return params


class Counted:
    """Reads, and counts how often."""

    def __init__(self, files) -> None:
        self.server = FileServer(files)
        self.reads = 0

    def __call__(self, name, start, size):
        self.reads += 1
        return self.server.read(name, start, size)


def offered_by(drivers, tmp_path):
    """The driver's offer; its files are served from where they will have been moved."""
    files = data_files(drivers)
    read = Counted({name: tmp_path / "moved" / path.relative_to(tmp_path / "driver") for name, path in files.items()})
    return manifest_of(files, read)


def contents(params):
    return {name: path.read_bytes() for name, path in data_files(params).items()}


def test_a_machine_without_the_data_fetches_them_once(drivers, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "_CHUNK", 1000)
    offered, expected = offered_by(drivers, tmp_path), contents(drivers)
    (tmp_path / "driver").rename(tmp_path / "moved")
    local = localise(drivers, offered)
    assert contents(local) == expected
    assert offered.read.reads > len(expected)
    before = offered.read.reads
    assert localise(drivers, offered) == local
    assert offered.read.reads == before


def test_data_on_a_shared_disk_are_not_fetched(drivers, tmp_path):
    offered = offered_by(drivers, tmp_path)
    assert localise(drivers, offered) is drivers
    assert offered.read.reads == 0


def test_other_data_under_the_same_path_are_not_taken(drivers, tmp_path):
    offered, expected = offered_by(drivers, tmp_path), contents(drivers)
    (tmp_path / "driver").rename(tmp_path / "moved")
    make_params(tmp_path / "driver")
    assert contents(localise(drivers, offered)) == expected


def test_a_fetch_that_was_broken_off_leaves_nothing_that_counts(drivers, tmp_path, cache):
    offered, expected = offered_by(drivers, tmp_path), contents(drivers)
    (tmp_path / "driver").rename(tmp_path / "moved")

    def broken(name, start, size):
        raise ConnectionError("the driver is gone")

    with pytest.raises(ConnectionError):
        localise(drivers, dataclasses.replace(offered, read=broken))
    assert contents(localise(drivers, offered)) == expected
    assert sorted(path.suffix for path in cache.iterdir()) == ["", ".lock"]


def test_data_that_changed_on_the_way_are_refused(drivers, tmp_path):
    offered = offered_by(drivers, tmp_path)
    (tmp_path / "driver").rename(tmp_path / "moved")
    (tmp_path / "moved/coco/annotations/person_keypoints_val2017.json").write_text("[]")
    with pytest.raises(DataError, match="are not what it offered"):
        localise(drivers, offered)


def test_a_server_reads_no_other_files(tmp_path):
    with pytest.raises(KeyError):
        FileServer({"a": tmp_path / "a"}).read("../a", 0, 1)


def test_missing_data_cannot_be_offered(tmp_path):
    params = make_params(tmp_path)
    Path(params.dataset.root, "annotations/person_keypoints_val2017.json").unlink()
    with pytest.raises(DataError, match=r"person_keypoints_val2017\.json: cannot be read"):
        manifest_of(data_files(params), lambda name, start, size: b"")

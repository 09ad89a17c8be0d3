"""Whole runs: sources, broken-off runs, and folders that are somebody else's."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from evopose2d.data.download import official
from evopose2d.data.download.dataset import prepare_dataset
from evopose2d.data.download.summary import SplitSummary
from evopose2d.errors import ConfigError, DataError, DownloadError

TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES = 6, 4, 3


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "data" / "coco"


def test_coco_from_its_archives(coco, root, make):
    summary = coco.prepare(root)
    assert summary.source == "coco2017"
    assert summary.splits == (
        SplitSummary("train", TRAIN_IMAGES, missing_images=0, people=TRAIN_IMAGES, labelled_people=3),
        SplitSummary("val", VAL_IMAGES, missing_images=0, people=VAL_IMAGES, labelled_people=2),
    )
    contents = make.contents_below(root)
    record = contents.pop("dataset.json")
    assert summary.bytes == sum(map(len, contents.values()))
    assert json.loads(record)["splits"][1]["images"] == VAL_IMAGES
    assert {name.rpartition("/")[0] for name in contents} == {"annotations", "train2017", "val2017"}
    assert "annotations/captions_val2017.json" not in contents
    assert contents["val2017/000000000011.jpg"] == coco.site.files["/val2017/000000000011.jpg"]


def test_a_second_call_does_nothing(coco, root, make):
    first = coco.prepare(root)
    before, asked = make.contents_below(root), len(coco.site.requests)
    assert coco.prepare(root) == first
    assert make.contents_below(root) == before
    assert len(coco.site.requests) == asked


def test_equal_datasets_have_equal_bytes(coco, root, tmp_path, make):
    coco.prepare(root)
    coco.prepare(tmp_path / "other")
    assert make.contents_below(root) == make.contents_below(tmp_path / "other")


def test_archives_are_kept_where_they_are_wanted(coco, root):
    coco.prepare(root, archives="keep")
    kept = {path.name: path.read_bytes() for path in (root / "archives").iterdir()}
    names = ("annotations_trainval2017.zip", "train2017.zip", "val2017.zip")
    assert kept.keys() == set(names)
    assert kept["val2017.zip"] == coco.site.files["/zips/val2017.zip"]


def test_kept_archives_outlive_another_source(coco, root, own_folder):
    coco.prepare(root, archives="keep")
    coco.prepare(root, source=str(own_folder()), archives="keep")
    asked = len(coco.site.requests)
    coco.prepare(root, archives="keep")
    assert len(coco.site.requests) == asked


def test_archives_go_with_the_dataset_where_they_are_not_to_be_kept(coco, root, own_folder):
    coco.prepare(root, archives="keep")
    coco.prepare(root, source=str(own_folder()), archives="remove")
    assert not (root / "archives").exists()


def test_test_dev_asked_for_later_fetches_only_test_dev(coco, root):
    coco.prepare(root)
    asked = len(coco.site.requests)
    summary = coco.prepare(root, test_dev=True)
    assert summary.splits[2] == SplitSummary("test-dev", TEST_IMAGES, missing_images=0, people=0, labelled_people=0)
    later = {path for path, _ in coco.site.requests[asked:]}
    assert later == {"/annotations/image_info_test2017.zip", "/zips/test2017.zip"}


def test_no_space_is_told_before_the_first_byte(coco, root, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match="1000 bytes free"):
        coco.prepare(root)
    assert coco.site.requests == []
    assert not root.exists()


def test_space_for_what_is_there_is_not_asked_again(coco, root, make, monkeypatch):
    coco.site.statuses["/zips/train2017.zip"] = [404]
    with pytest.raises(DownloadError):
        coco.prepare(root)
    train, image = coco.archives.train, "train2017/000000000001.jpg"
    half = coco.site.files["/zips/train2017.zip"][: train.size // 2]
    make.write(root / "archives" / "train2017.zip.part", half)
    make.write(root / image, coco.site.files[f"/{image}"])
    needed = train.size - len(half) + train.unpacked_size - len(coco.site.files[f"/{image}"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed - 1))
    with pytest.raises(DownloadError, match=f"needs {needed} "):
        coco.prepare(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=needed))
    coco.prepare(root)


def test_a_missing_archive_names_its_address_and_the_next_run_goes_on(coco, root):
    archive = coco.site.files.pop("/zips/train2017.zip")
    with pytest.raises(DownloadError) as caught:
        coco.prepare(root)
    assert str(caught.value) == f"{coco.site.address}/zips/train2017.zip: the server answered 404 Not Found"
    assert not (root / "dataset.json").exists()
    coco.site.files["/zips/train2017.zip"] = archive
    asked = len(coco.site.requests)
    coco.prepare(root)
    assert [path for path, _ in coco.site.requests[asked:]] == ["/zips/train2017.zip"]


def test_an_interrupted_unpacking_goes_on_without_fetching_again(coco, root, monkeypatch):
    real = official.unpack

    def interrupted(archive, folder, members):
        if archive.name == "train2017.zip":
            raise KeyboardInterrupt
        real(archive, folder, members)

    monkeypatch.setattr(official, "unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        coco.prepare(root)
    monkeypatch.setattr(official, "unpack", real)
    asked = len(coco.site.requests)
    assert coco.prepare(root).splits[0].missing_images == 0
    assert len(coco.site.requests) == asked


KILLED_RUN = """
import json, sys
from evopose2d.config.schema import DatasetConfig, DownloadConfig, SplitConfig, SyntheticConfig
from evopose2d.data.download.archives import Archive, CocoArchives
from evopose2d.data.download.dataset import prepare_dataset
root, mirror, archives = sys.argv[1:]
archives = {name: Archive(**values) for name, values in json.loads(archives).items()}
prepare_dataset(
    DatasetConfig(
        "coco2017", root, None, None, "annotations", None, None, None, SplitConfig(0.2, 0), SyntheticConfig(1, 1, 1, 0)
    ),
    DownloadConfig("remove", 0, False, None, mirror),
    archives=CocoArchives(**archives),
)
"""


def test_a_killed_run_goes_on_at_the_byte_where_it_was(coco, root):
    coco.add_train_file("big.jpg", bytes(range(256)) * 2000)
    received = 3 << 16
    coco.site.stalls["/zips/train2017.zip"] = received
    command = [
        sys.executable,
        "-c",
        KILLED_RUN,
        str(root),
        coco.site.address,
        json.dumps(asdict(coco.archives)),
    ]
    with subprocess.Popen(command) as process:
        assert coco.site.stalled.wait(60)
        partial = root / "archives" / "train2017.zip.part"
        while not partial.exists() or partial.stat().st_size < received:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (root / "dataset.json").exists()
    asked = len(coco.site.requests)
    assert coco.prepare(root).splits[0].missing_images == 0
    assert coco.site.requests[asked:] == [("/zips/train2017.zip", f"bytes={received}-")]
    assert (root / "train2017" / "big.jpg").stat().st_size == 256 * 2000
    assert not (root / ".incomplete").exists()
    assert not (root / "archives").exists()


def test_a_folder_with_contents_of_somebody_else_is_left_alone(coco, root, make):
    make.write(root / "holiday.jpg", b"precious")
    with pytest.raises(DataError) as caught:
        coco.prepare(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert make.contents_below(root) == {"holiday.jpg": b"precious"}
    assert coco.site.requests == []


@pytest.mark.parametrize("record", [b"{}", b"[1]", b"no json", b'{"identity": 3, "done": {}}'])
def test_a_dataset_json_of_somebody_else_makes_no_folder_ours(coco, root, make, record):
    make.write(root / "dataset.json", record)
    with pytest.raises(DataError):
        coco.prepare(root)
    assert make.contents_below(root) == {"dataset.json": record}


def test_a_file_in_the_place_of_the_folder_is_one_line(coco, root, make):
    make.write(root, b"")
    with pytest.raises(DataError, match="is a file, must be a folder"):
        coco.prepare(root)


def test_another_source_replaces_the_dataset_and_nothing_else(coco, root, own_folder, make):
    coco.prepare(root, test_dev=True)
    make.write(root / "notes.txt", b"mine")
    source = own_folder()
    before = make.contents_below(source)
    coco.prepare(root, source=str(source))
    after = make.contents_below(root)
    assert after.pop("notes.txt") == b"mine"
    assert after.keys() == before.keys() | {"dataset.json", "annotations/import.json"}
    coco.prepare(root)
    assert make.contents_below(source) == before, "the user's own files must stay"
    assert (root / "train2017" / "000000000006.jpg").exists()


def test_a_folder_that_was_half_cleared_for_another_source_is_still_ours(coco, root, own_folder, monkeypatch):
    first = coco.prepare(root)
    source = str(own_folder())
    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            coco.prepare(root, source=source)
    assert coco.prepare(root) == first


def test_a_source_that_cannot_be_used_leaves_the_dataset_as_it_was(coco, root, own_folder, make):
    coco.prepare(root)
    before = make.contents_below(root)
    source = own_folder()
    (source / "annotations" / "person_keypoints_val2017.json").write_text("no json")
    with pytest.raises(DataError):
        coco.prepare(root, source=str(source))
    assert make.contents_below(root) == before


def test_a_linked_image_folder_is_unlinked_not_emptied(coco, root, own_folder, tmp_path, make):
    coco.prepare(root)
    (root / "val2017").rename(tmp_path / "elsewhere")
    (root / "val2017").symlink_to(tmp_path / "elsewhere")
    before = make.contents_below(tmp_path / "elsewhere")
    coco.prepare(root, source=str(own_folder()))
    assert make.contents_below(tmp_path / "elsewhere") == before
    assert not (root / "val2017").is_symlink()


def test_what_was_deleted_by_hand_is_fetched_again_alone(coco, root):
    coco.prepare(root)
    shutil.rmtree(root / "val2017")
    asked = len(coco.site.requests)
    assert coco.prepare(root).splits[1].missing_images == 0
    assert [path for path, _ in coco.site.requests[asked:]] == ["/zips/val2017.zip"]


def test_an_unknown_source_names_what_is_allowed(root, make):
    with pytest.raises(
        ConfigError, match=r"got 'coco2018': /.*/coco2018 does not exist; must be synthetic, coco2017 or a folder"
    ):
        prepare_dataset(make.dataset_config(root, "coco2018"), make.download_config())


def test_a_mirror_that_is_no_address_is_told_before_any_work(coco, root):
    with pytest.raises(ConfigError, match=r"download\.mirror: got 'ftp://x'"):
        coco.prepare(root, mirror="ftp://x")
    assert not root.exists()


def test_a_folder_that_cannot_be_written_is_one_line(coco, tmp_path, make):
    make.write(tmp_path / "file", b"")
    with pytest.raises(DataError) as caught:
        coco.prepare(tmp_path / "file" / "coco")
    assert "Not a directory" in str(caught.value)

import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evopose2d.data.download import unpack as module
from evopose2d.data.download.layout import leaves_folder
from evopose2d.data.download.unpack import unpack
from evopose2d.errors import DownloadError

FILES = {f"train2017/{i}.jpg": bytes([i]) * 1000 for i in range(5)}


@pytest.fixture
def archive(tmp_path, make):
    path = tmp_path / "train2017.zip"
    path.write_bytes(make.zipped(FILES | {"train2017/": b"", "notes.txt": b"unwanted"}))
    return path


def test_unpacks_the_wanted_entries(archive, tmp_path, make):
    unpack(archive, tmp_path / "root", ["train2017/*.jpg"])
    assert make.contents_below(tmp_path / "root") == FILES


@pytest.mark.parametrize("wanted", ["*", "train2017/*.jpg"])
@pytest.mark.parametrize("name", ["../x", "train2017/../../x", "/x", "C:\\x", "..\\x", "\\\\host\\share\\x"])
def test_an_entry_outside_the_folder_refuses_the_whole_archive(tmp_path, make, name, wanted):
    path = tmp_path / "bad.zip"
    path.write_bytes(make.zipped(FILES | {name: b"evil"}))
    with pytest.raises(DownloadError, match="lies outside the folder") as caught:
        unpack(path, tmp_path / "root", [wanted])
    assert "\n" not in str(caught.value)
    assert repr(name.replace("\\", "\\")) in str(caught.value)
    assert [left.name for left in tmp_path.rglob("*")] == ["bad.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_refuse_the_whole_archive(tmp_path, kind):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, contents in FILES.items():
            opened.writestr(name, contents)
        link = zipfile.ZipInfo("train2017/9.jpg")
        link.external_attr = (kind | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(DownloadError, match=r"'train2017/9\.jpg' is no plain file"):
        unpack(path, tmp_path / "root", ["train2017/*.jpg"])
    assert not (tmp_path / "root").exists()


def test_goes_on_after_an_interruption_and_leaves_what_is_there(archive, tmp_path, make, monkeypatch):
    whole = module._unpack_entry
    calls: list[str] = []

    def interrupted(opened, info, target):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(info.filename)
        whole(opened, info, target)

    monkeypatch.setattr(module, "_unpack_entry", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "root", ["train2017/*.jpg"])
    monkeypatch.setattr(module, "_unpack_entry", whole)
    before = {path: path.stat().st_ino for path in (tmp_path / "root").rglob("*.jpg")}
    assert len(before) == 3
    cut = tmp_path / "root" / "train2017" / "1.jpg"
    cut.write_bytes(b"half")
    unpack(archive, tmp_path / "root", ["train2017/*.jpg"])
    assert make.contents_below(tmp_path / "root") == FILES
    assert all(path.stat().st_ino == inode for path, inode in before.items() if path != cut)


def test_a_damaged_entry_is_one_line_and_leaves_no_file(archive, tmp_path):
    contents = bytearray(archive.read_bytes())
    contents[contents.index(b"\3" * 100)] = 0
    archive.write_bytes(contents)
    with pytest.raises(DownloadError, match="damaged archive"):
        unpack(archive, tmp_path / "root", ["train2017/*.jpg"])
    assert not (tmp_path / "root" / "train2017" / "3.jpg").exists()


def test_a_file_that_is_no_archive_is_one_line(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(DownloadError, match="damaged archive"):
        unpack(tmp_path / "a.zip", tmp_path / "root", ["*"])


def test_an_archive_without_what_is_wanted_is_refused(archive, tmp_path):
    with pytest.raises(DownloadError, match=r"holds no val2017/\*\.jpg"):
        unpack(archive, tmp_path / "root", ["val2017/*.jpg"])


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b.jpg"]), min_size=1, max_size=6))
def test_names_that_do_not_leave_stay_inside_wherever_they_are_joined(parts):
    name = "/".join(parts)
    depth, lowest = 0, 0
    for part in parts:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        lowest = min(lowest, depth)
    assert leaves_folder(name) or (lowest == 0 and not name.startswith("/"))

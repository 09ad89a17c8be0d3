"""Files are whole or absent."""

import errno
import json
from pathlib import Path

import pytest

from evopose2d.files import digest, replacing, write_json, write_text


def test_failure_leaves_the_old_file_and_no_other(tmp_path: Path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_refusal_names_the_file_that_is_wanted(tmp_path: Path):
    (tmp_path / "folder.json").mkdir()
    long = tmp_path / f"{'x' * 240}.json"  # the temporary one's name is longer than names may be
    for path in (tmp_path / "folder.json", long):
        with pytest.raises(OSError) as refused:
            write_text(path, "new")
        assert (refused.value.filename, refused.value.filename2) == (str(path), None)
    with pytest.raises(OSError) as full, replacing(tmp_path / "a.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.json"]


def test_errors_of_others_are_left_as_they_are(tmp_path: Path):
    other = FileNotFoundError(errno.ENOENT, "No such file or directory", "elsewhere")
    for error in (other, OSError(errno.ECONNRESET, "Connection reset by peer"), OSError("no number")):
        before = error.filename
        with pytest.raises(OSError) as raised, replacing(tmp_path / "a.json"):
            raise error
        assert raised.value is error
        assert error.filename == before


def test_success_replaces_and_is_readable_by_others(tmp_path: Path):
    path = tmp_path / "folder" / "a.txt"
    write_text(path, "new")
    assert path.read_text() == "new"
    untouched = tmp_path / "plain.txt"
    untouched.write_text("new")
    assert path.stat().st_mode == untouched.stat().st_mode


def test_json_refuses_what_json_cannot_hold(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())
    write_json(tmp_path / "a.json", {"loss": 1.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": 1.5}


def test_digest_ignores_order_and_tells_values_apart():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})

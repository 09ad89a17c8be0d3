import errno
import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from search_doubles import make_params, pretend_to_train

from evopose2d.errors import SearchError
from evopose2d.evolution.individuals.fingerprint import Fingerprint, IntactFiles
from evopose2d.evolution.individuals.spec import IndividualFailure, IndividualResult, IndividualSpec
from evopose2d.evolution.individuals.store import SearchStore, writing
from evopose2d.evolution.sampler import Role
from evopose2d.files import replacing
from evopose2d.genotype import Genotype


@pytest.fixture
def params(tmp_path):
    return make_params(tmp_path)


@pytest.fixture
def trained(params):
    """A child's result and its weights."""
    genotype = Genotype.from_lists(params.evolve.ancestor)
    spec = IndividualSpec(7, 2, 3, "block 1 kernel 3→5", genotype, genotype, epochs=3, seed=11)
    return pretend_to_train(spec, params, b"")


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path / "search")


def test_a_result_comes_back_as_it_was_written(store, trained):
    result, weights = trained
    store.write_weights(result.number, weights)
    store.write_result(result)
    assert store.read_result(7) == result
    assert store.weights_path(7).read_bytes() == weights
    assert store.results() == [result]
    assert {path.name for path in store.folder(7).iterdir()} == {"weights.h5", "result.json"}


def test_a_result_names_the_measures_of_the_weights_that_are_kept(store, trained):
    result, weights = trained
    best = min(result.epochs, key=lambda epoch: epoch.val_loss)
    store.write_weights(result.number, weights)
    store.write_result(result)
    content = json.loads((store.folder(7) / "result.json").read_text())
    assert (content["val_loss"], content["ap"]) == (best.val_loss, best.val_ap)


def test_a_failure_comes_back_as_it_was_written(store, trained):
    genotype = trained[0].genotype
    failure = IndividualFailure(3, 1, 0, "block 2 repeats 1→2", genotype, 3, "the loss became nan", "Traceback: ...")
    store.write_failure(failure)
    assert store.read_failure(3) == failure
    assert store.read_result(3) is None


@pytest.mark.parametrize(("parent", "role"), [(None, Role.ANCESTOR), (3, Role.CHILD)])
def test_files_from_before_there_were_roles_hold_ancestors_and_children(trained, parent, role):
    result = replace(trained[0], parent=parent).to_json()
    del result["role"]
    assert IndividualResult.from_json(result).role is role
    failure = IndividualFailure(3, 1, parent, "", trained[0].genotype, 3, "", "").to_json()
    del failure["role"]
    assert IndividualFailure.from_json(failure).role is role


def test_finalists_have_folders_of_their_own(store, trained):
    result, weights = trained
    final = replace(result, number=71, role=Role.FINALIST)
    finalists = store.of(final.role)
    finalists.write_weights(71, weights)
    finalists.write_result(final)
    assert finalists.folder(71) == store.root / "finalists" / "0071"
    assert finalists.read_intact(71) == final
    assert store.results() == []
    assert store.of(Role.CONTROL) is store


@pytest.mark.parametrize("damage", [lambda text: text[: len(text) // 2], lambda text: "", lambda text: "{}"])
def test_a_damaged_result_counts_as_absent_and_is_kept_beside(store, trained, damage, caplog):
    result, weights = trained
    store.write_weights(result.number, weights)
    store.write_result(result)
    path = store.folder(7) / "result.json"
    damaged = damage(path.read_text())
    path.write_text(damaged)
    with caplog.at_level(logging.WARNING, "evopose2d"):
        assert store.read_result(7) is None
    assert str(path) in caplog.text
    assert not path.exists()
    assert path.with_suffix(".damaged").read_text() == damaged


def test_a_damaged_result_is_left_alone_by_whoever_may_not_write(store, trained, caplog, monkeypatch):
    store.write_result(trained[0])
    path = store.folder(7) / "result.json"
    path.write_text("{")

    def refuse(*_):
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    assert store.read_result(7) is None
    assert "counts as absent" in caplog.text and "kept as" not in caplog.text


def test_a_result_that_cannot_be_opened_is_named(store):
    (store.folder(7) / "result.json").mkdir(parents=True)
    with pytest.raises(SearchError, match=r"0007/result\.json: cannot be read \(Is a directory\)"):
        store.read_result(7)


def test_a_result_without_weights_counts_as_absent(store, trained):
    store.write_result(trained[0])
    assert store.read_result(7) is None


def test_sweeping_removes_what_a_killed_driver_left(store, trained):
    result, weights = trained
    store.write_weights(result.number, weights)
    with pytest.raises(InterruptedError), replacing(store.folder(7) / "weights.h5") as half:
        left = [half.name, half.with_name(half.name.replace("weights", "search")).with_suffix(".json").name]
        raise InterruptedError
    (store.folder(7) / left[0]).write_bytes(b"half")
    (store.root / left[1]).write_text("{")
    (store.folder(7) / ".ipynb_checkpoints").mkdir()
    (store.folder(7) / ".note").touch()
    (store.root / ".gitignore").touch()
    store.sweep()
    kept = [".ipynb_checkpoints", ".note", "weights.h5"]
    assert sorted(path.name for path in store.folder(7).iterdir()) == kept
    assert sorted(path.name for path in store.root.iterdir()) == [".gitignore", "individuals"]


def test_a_full_disk_is_told_in_one_line(tmp_path):
    path = tmp_path / "weights.h5"
    with pytest.raises(SearchError) as raised, writing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(raised.value).startswith(f"{path}: cannot be written (No space left on device)")
    assert "\n" not in str(raised.value)


def cut_in_half(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("part", ["weights.h5", "result.json"])
@pytest.mark.parametrize("damage", [cut_in_half, flip_a_bit, lambda content: b""])
def test_damaged_files_are_not_whole(store, trained, part, damage):
    result, weights = trained
    store.write_weights(result.number, weights)
    store.write_result(result)
    assert store.is_whole(7) and store.read_intact(7) == result
    path = store.folder(7) / part
    path.write_bytes(damage(path.read_bytes()))
    if part == "result.json" and damage is flip_a_bit:
        path.write_bytes(path.read_bytes().replace(b"}", b"]"))
    assert not store.is_whole(7)
    assert store.read_intact(7) is None


def test_a_result_of_a_version_without_digests_is_read(store, trained):
    result, weights = trained
    store.write_result(result)
    store.write_weights(result.number, weights)
    assert "weights" not in json.loads(store.result_path(7).read_text())
    assert store.read_intact(7) == result


def test_files_are_read_again_only_after_a_change(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"as written")
    intact, expected = IntactFiles(), Fingerprint.of(path)
    assert intact.holds(path, expected)
    before = path.stat()
    path.write_bytes(b"as wrecked")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert intact.holds(path, expected)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not intact.holds(path, expected)
    path.unlink()
    assert not intact.holds(path, expected)

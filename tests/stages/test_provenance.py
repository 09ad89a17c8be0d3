"""Which data a run is said to have read."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from evopose2d.config.loading import load_params
from evopose2d.stages.provenance import dvc_digests, log_provenance, provenance_tags

_LOCK = {
    "schema": "2.0",
    "stages": {
        "download": {"cmd": "d", "outs": [{"path": "data/coco", "md5": "c0.dir"}]},
        "write_tfrecords": {"cmd": "w", "outs": [{"path": "data/tfrecords", "md5": "ec.dir"}]},
        "train": {
            "cmd": "t",
            "outs": [{"path": "models/pose", "md5": "01d.dir"}, {"path": "reports/train/metrics.json", "md5": "ab"}],
        },
        "validate": {"cmd": "v", "outs": [{"path": "results", "md5": "9f.dir"}]},
    },
}
_DATA = {"data/coco": "c0.dir", "data/tfrecords": "ec.dir"}


class _Tracked:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.params, self.tags, self.datasets = {}, {}, []

    def log_params(self, params):
        self.params |= params

    def log_tags(self, tags):
        self.tags |= tags

    def log_dataset(self, name, digest, context, tags):
        self.datasets.append((name, digest, context))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(_LOCK))
    return tmp_path


def test_only_what_a_run_reads_has_a_digest(folder: Path):
    assert dvc_digests(("data/coco/", "data/tfrecords")) == _DATA
    assert dvc_digests(("models/pose", "elsewhere")) == {"models/pose": "01d.dir"}
    tags = provenance_tags()
    assert {name for name in tags if name.startswith("dvc.")} == {"dvc.data/coco", "dvc.data/tfrecords"}


def test_data_is_found_wherever_its_stages_put_it(folder: Path):
    moved = json.loads(json.dumps(_LOCK).replace("data/coco", "elsewhere/drawn"))
    (folder / "dvc.lock").write_text(yaml.safe_dump(moved))
    assert set(dvc_digests()) == {"elsewhere/drawn", "data/tfrecords"}


@pytest.mark.parametrize("held", ['{"source": "synthetic", "identity": "x", "done": {}}', "{", None])
def test_the_dataset_is_named_by_what_its_folder_holds(folder: Path, project_root: Path, held: str | None):
    params = load_params(project_root / "params.yaml", ["dataset.source=coco2017"])
    Path(params.dataset.root).mkdir(parents=True)
    if held is not None:
        (Path(params.dataset.root) / "dataset.json").write_text(held)
    tracked = _Tracked()
    accelerator = replace(params.accelerator, xla="never")

    log_provenance(tracked, params, {"accelerator": accelerator}, dvc_digests())

    name = "synthetic" if held and len(held) > 1 else "coco2017"
    assert tracked.datasets == [(name, "c0.dir", "dataset"), (name, "ec.dir", "records")]
    assert tracked.params["accelerator"]["xla"] == "never"
    assert "dvc.models/pose" not in tracked.tags


@pytest.mark.parametrize(
    "content",
    ["<<<<<<< HEAD\nstages:\n=======\n>>>>>>> other\n", "- a\n", "stages: [a]\n", "stages:\n  train: {outs: [a]}\n"],
)
def test_a_damaged_lock_costs_one_warning(folder: Path, caplog: pytest.LogCaptureFixture, content: str):
    (folder / "dvc.lock").write_text(content)
    with caplog.at_level(logging.WARNING, "evopose2d"):
        assert dvc_digests(("data/coco",)) == {}
    (record,) = caplog.records
    assert record.getMessage().startswith("dvc.lock: not readable")
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("content", [None, "", "stages:\n"])
def test_a_lock_of_nothing_is_no_trouble(folder: Path, caplog: pytest.LogCaptureFixture, content: str | None):
    (folder / "dvc.lock").unlink()
    if content is not None:
        (folder / "dvc.lock").write_text(content)
    assert dvc_digests() == {}
    assert not caplog.records

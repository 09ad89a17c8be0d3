import sys
from types import ModuleType

import pytest

from evopose2d.data.download.dataset import prepare_dataset


@pytest.fixture
def drawn(monkeypatch, make):
    """Replace the drawing by one that writes two annotation files; return the calls."""
    calls = []

    def write_synthetic_dataset(root, config, *, workers, progress):
        assert workers == 0, "one a core"
        for split, ids in {"train2017": range(1, 3), "val2017": range(11, 12)}.items():
            make.write(
                root / f"annotations/person_keypoints_{split}.json",
                make.as_json(make.annotations(split, ids)),
            )
            for i in ids:
                make.write(root / split / f"{i:012d}.jpg", make.jpeg(i))
                progress(1)
        calls.append((root, config))

    module = ModuleType("evopose2d.data.synthetic.dataset")
    module.write_synthetic_dataset = write_synthetic_dataset
    monkeypatch.setitem(sys.modules, "evopose2d.data.synthetic.dataset", module)
    return calls


def test_draws_once(drawn, tmp_path, make):
    config = make.dataset_config(tmp_path / "coco", "synthetic")
    first = prepare_dataset(config, make.download_config())
    assert prepare_dataset(config, make.download_config()) == first
    assert drawn == [(tmp_path / "coco", config.synthetic)]
    assert first.splits[0].images == 2


def test_other_code_draws_anew(drawn, tmp_path, make, monkeypatch):
    config = make.dataset_config(tmp_path / "coco", "synthetic")
    prepare_dataset(config, make.download_config())
    monkeypatch.setattr("evopose2d.data.download.drawn._drawing_digest", lambda: "changed")
    prepare_dataset(config, make.download_config())
    assert len(drawn) == 2


def test_its_place_can_be_taken_by_coco_and_back(drawn, coco, tmp_path):
    assert coco.prepare(tmp_path / "coco", "synthetic").splits[0].images == 2
    assert coco.prepare(tmp_path / "coco").splits[0].images == 6
    assert coco.prepare(tmp_path / "coco", "synthetic").splits[0].images == 2
    assert len(list((tmp_path / "coco" / "train2017").iterdir())) == 2

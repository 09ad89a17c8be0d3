"""A network family of another package goes through the stages like any other."""

import json
import sys
from pathlib import Path

import pytest
from tests.outside_family import install
from tests.stages.conftest import change_params

from evopose2d.config.loading import load_params
from evopose2d.stages import download, train, validate, write_tfrecords

_SETTINGS = {
    "dataset.synthetic.train_images": 6,
    "dataset.synthetic.val_images": 3,
    "model.input_shape": [64, 64],
    "train.epochs": 2,
    "train.batch_size": 4,
    "train.warmup_epochs": 0,
    "validate.pictures": 0,
    "tracking.log_model": False,
}


@pytest.mark.slow
def test_is_trained_and_validated(tmp_path: Path, project_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    install(tmp_path)
    (tmp_path / "params.yaml").write_text((project_root / "params.yaml").read_text())
    change_params(tmp_path, _SETTINGS)
    overrides = [f"model.{key}=null" for key in ("genotype", "compound_scaling", "head_blocks", "head_channels")]
    params = load_params(tmp_path / "params.yaml", ["model.architecture=toy", "model.width=4", *overrides])
    try:
        download.run(params)
        write_tfrecords.run(params)
        trained, validated = train.run(params), validate.run(params)
    finally:
        sys.modules.pop("toy_family", None)

    described = json.loads((tmp_path / "models" / "pose" / "network.json").read_text())["model"]
    assert described == {"architecture": "toy", "input_shape": [64, 64], "final_kernel": 1, "width": 4}
    assert trained["best_epoch"] in (1, 2)
    assert trained["loss"] > trained["val_loss"]  # the coarse output is supervised as well, but not validated
    assert 0 <= validated["AP"] <= 1

"""The way from a folder of labels to a dataset."""

from pathlib import Path

import pytest

from evopose2d.config.schema import DatasetConfig, DownloadConfig, SplitConfig, SyntheticConfig
from evopose2d.data.download.dataset import prepare_dataset


@pytest.fixture
def prepare(tmp_path):
    def call(source: Path, **changes):
        settings = {"format": None, "category": None, "box_from": "annotations", "split": SplitConfig(val=0.2, seed=1)}
        settings["synthetic"] = SyntheticConfig(seed=0, train_images=1, val_images=1, test_images=0)
        keypoints = {"flip_pairs": None, "sigmas": None, "upper_body": None}
        config = DatasetConfig(source=str(source), root=str(tmp_path / "root"), **(settings | keypoints | changes))
        download = DownloadConfig("remove", 0, False, None, None)
        return {split.name: split for split in prepare_dataset(config, download).splits}

    return call

"""The examples of the documents, run as they are told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evopose2d.config.loading import load_params
from evopose2d.data.coco import read_coco
from evopose2d.data.download.dataset import prepare_dataset


@pytest.mark.slow
def test_drawn_labels_are_an_export_that_is_taken_as_it_is(project_root: Path, tmp_path: Path):
    own = tmp_path / "my_labels"
    subprocess.run(
        [sys.executable, "docs/examples/draw_labels.py", str(own)], cwd=project_root, check=True, capture_output=True
    )
    given = json.loads((own / "result.json").read_text())
    assert len(given["images"]) == len(list((own / "images").iterdir())) == 200
    params = load_params(project_root / "params.yaml", [f"dataset.source={own}", f"dataset.root={tmp_path / 'coco'}"])

    splits = {split.name: split for split in prepare_dataset(params.dataset, params.download).splits}

    assert {name: split.images for name, split in splits.items()} == {"train": 160, "val": 40}
    assert sum(split.missing_images + split.left_out for split in splits.values()) == 0
    assert sum(split.people for split in splits.values()) == len(given["annotations"])
    coco = read_coco(tmp_path / "coco/annotations/person_keypoints_val2017.json")
    assert coco.category["keypoints"] == ["Head", "Left Hand", "Right Hand", "Left Foot", "Right Foot"]
    assert coco.labelled == splits["val"].labelled_people > 40

import json

import cv2
import numpy as np
from typer.testing import CliRunner

from evopose2d.cli.app import app


def test_import_says_what_was_understood_repaired_and_left_out(project_root, tmp_path):
    images, people = [], []
    for number in range(1, 5):
        name = f"images/{number}.jpg"
        (tmp_path / "own/images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "own" / name), np.zeros((40, 60, 3), np.uint8))
        images.append({"id": number, "file_name": name, "width": 60, "height": 40})
        keypoints = [20, 20, 2, 30, 10, 2, 40, 30, 2]
        people.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": [10, 5, 40, 30], "keypoints": keypoints}
        )
    people[0]["category_id"] = 9
    category = {"id": 1, "name": "fox", "keypoints": ["nose", "earL", "earR"]}
    content = {"images": images, "annotations": people, "categories": [category]}
    (tmp_path / "own/labels.json").write_text(json.dumps(content))
    arguments = [
        str(tmp_path / "own"),
        f"dataset.root={tmp_path / 'root'}",
        "--params",
        str(project_root / "params.yaml"),
    ]

    ended = CliRunner().invoke(app, ["import", *arguments, "--json"])

    assert ended.exception is None, ended.output
    said = json.loads(ended.stdout)
    assert [(split["name"], split["images"], split["people"]) for split in said["splits"]] == [
        ("train", 3, 2),
        ("val", 1, 1),
    ]
    assert (said["splits"][0]["repaired"], said["splits"][0]["left_out"]) == (3, 1)
    assert (said["mirror pairs"], said["same in a mirror"]) == ("earL / earR", "nose")

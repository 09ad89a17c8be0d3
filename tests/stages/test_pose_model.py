"""A trained network's folder: what is said of one that is not whole."""

import json
from pathlib import Path

import pytest

from evopose2d.errors import WeightsError
from evopose2d.stages.pose_model import load_pose_model

_KEYPOINTS = {"names": ["head"], "skeleton": [], "flip_permutation": [0], "sigmas": [0.05], "upper_body": []}


@pytest.mark.parametrize(
    "description",
    [
        {},
        [],
        None,
        {"model": {}, "keypoints": _KEYPOINTS, "sigma": 2.0},
        {"model": {"depth": 3}, "keypoints": _KEYPOINTS, "sigma": 2.0},
        {"model": {"architecture": "hrnet"}, "keypoints": [], "sigma": 2.0},
    ],
)
def test_a_damaged_description_is_told_in_one_line(tmp_path: Path, description: object):
    (tmp_path / "network.json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=r"network\.json: cannot be used \(.*train again") as told:
        load_pose_model(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [None, "{", "\\xff"])
def test_a_folder_without_a_description_holds_no_network(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "network.json").write_text(content)
    with pytest.raises(WeightsError, match="no trained network here"):
        load_pose_model(tmp_path)

"""What the train stage refuses before it does any work."""

from pathlib import Path

import pytest

from evopose2d.config.loading import load_params
from evopose2d.data.shards import RecordsInfo, write_info
from evopose2d.errors import ConfigError
from evopose2d.keypoints import COCO_PERSON
from evopose2d.stages import train


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("dataset.upper_body=[nose]", r"dataset\.upper_body: got \['nose'\], .* write-tfrecords"),
    ],
)
def test_settings_that_the_records_do_not_allow(
    tmp_path: Path, project_root: Path, monkeypatch: pytest.MonkeyPatch, override: str, line: str
):
    folder = tmp_path / "records" / "train"
    folder.mkdir(parents=True)
    records = RecordsInfo(folder, people=9, images=4, skipped=0, shards=1, schema=COCO_PERSON)
    records.files[0].write_bytes(b"records")
    write_info(records)
    monkeypatch.setattr(train, "prepare", lambda config: pytest.fail("began to work"))
    params = load_params(project_root / "params.yaml", [f"write_tfrecords.root={folder.parent}", override])
    with pytest.raises(ConfigError, match=line):
        train.run(params)

"""The ``download`` stage: the dataset on disk, in COCO's layout."""

from dataclasses import asdict
from typing import Any

from evopose2d.config.schema import Params
from evopose2d.data.download.dataset import prepare_dataset


def run(params: Params) -> list[dict[str, Any]]:
    """Fetch, draw or link the dataset.

    Returns:
        One row a split: its images and people.
    """
    summary = prepare_dataset(params.dataset, params.download)
    return [asdict(split) for split in summary.splits]

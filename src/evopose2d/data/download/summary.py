"""What a dataset holds, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evopose2d.data.coco import read_json
from evopose2d.data.download.layout import DATASET_FOLDERS, SPLITS, Split, files_below
from evopose2d.data.download.localised import IMPORT_REPORT


@dataclass(frozen=True)
class SplitSummary:
    """One split in numbers.

    Attributes:
        name: ``train``, ``val`` or ``test-dev``.
        images: images in the annotation file.
        missing_images: those of them whose file is missing.
        people: people in the annotation file, crowds left out.
        labelled_people: those of them with at least one labelled keypoint.
        repaired: values of the source's annotation file that were mended on the way.
        left_out: people of the source's annotation file who are not in this one.
    """

    name: str
    images: int
    missing_images: int
    people: int
    labelled_people: int
    repaired: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset in numbers.

    Attributes:
        source: ``dataset.source``.
        splits: those that the dataset has, in the order train, val, test-dev.
        bytes: size of its files.
    """

    source: str
    splits: tuple[SplitSummary, ...]
    bytes: int


def summarise(root: Path, source: str) -> DatasetSummary:
    """Count what lies below ``root``, a dataset in COCO's layout.

    Raises:
        DataError: an annotation file is no JSON.
    """
    splits = tuple(_summarise_split(root, split) for split in SPLITS if (root / split.annotations).exists())
    size = sum(size for folder in DATASET_FOLDERS for _, size in files_below(root / folder))
    return DatasetSummary(source, splits, size)


def summary_from_json(value: Mapping[str, Any]) -> DatasetSummary:
    """Return the summary that ``dataclasses.asdict`` turned into ``value``."""
    splits = tuple(SplitSummary(**numbers) for numbers in value["splits"])
    return DatasetSummary(value["source"], splits, value["bytes"])


def _summarise_split(root: Path, split: Split) -> SplitSummary:
    data = read_json(root / split.annotations)
    present = {name for name, _ in files_below(root / split.images)}
    report = read_json(root / IMPORT_REPORT) if (root / IMPORT_REPORT).exists() else {}
    taken = report.get(split.name, {})
    people = [person for person in data.get("annotations", ()) if not person.get("iscrowd", 0)]
    return SplitSummary(
        name=split.name,
        images=len(data["images"]),
        missing_images=sum(image["file_name"] not in present for image in data["images"]),
        people=len(people),
        labelled_people=sum(person.get("num_keypoints", 0) > 0 for person in people),
        repaired=sum(taken.get("repaired", {}).values()),
        left_out=sum(taken.get("left_out", {}).values()),
    )

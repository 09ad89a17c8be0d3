"""A user's own folder in COCO's layout: its annotations checked and copied, its images linked."""

import functools
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from evopose2d.config.schema import DatasetConfig, DownloadConfig
from evopose2d.data.download.annotations import keypoint_category, read_images, read_json, read_people
from evopose2d.data.download.detections import checked_detections, detections_content, detections_step
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.layout import SPLITS, Split, files_below
from evopose2d.data.download.plan import Plan, Space, Step
from evopose2d.data.download.progress import progress_bar
from evopose2d.errors import ConfigError, DataError
from evopose2d.files import file_sha256, write_json

_LOGGER = logging.getLogger(__name__)


def plan_folder(root: Path, dataset: DatasetConfig, download: DownloadConfig, retry: Retry) -> Plan:
    """Plan a dataset that links to the images of the folder ``dataset.source``.

    Raises:
        ConfigError: there is no such folder, or it is the dataset's own or holds it.
        DataError: it holds no annotation file, or ``download.detections`` names no file.
    """
    source = Path(dataset.source)
    if not source.is_dir():
        raise ConfigError(
            f"dataset.source: got {dataset.source!r}, must be synthetic, coco2017 or a folder in COCO layout"
        )
    if root.resolve() == source.resolve() or root.resolve() in source.resolve().parents:
        raise ConfigError(f"dataset.source: {source} lies in dataset.root ({root}); name another dataset.root")
    splits = [split for split in SPLITS if (source / split.annotations).is_file()]
    if not any(split.labelled for split in splits):
        wanted = " or ".join(split.annotations for split in SPLITS if split.labelled)
        raise DataError(f"{source}: no {wanted} below it, so it is no folder in COCO's layout")
    read = functools.cache(lambda: _read(source, splits))
    annotations = tuple(split.annotations for split in splits)
    steps = [
        Step(
            "folder",
            None,
            lambda: _take(source, root, read()),
            annotations,
            lambda: _space(source, root, splits),
        )
    ]
    if download.detections is not None:
        steps.append(detections_step(root, download.detections, retry))
    content = {
        "source": dataset.source,
        "files": {name: file_sha256(source / name) for split in splits for name in _data_files(source, split)},
        "images": {split.images: sorted(files_below(source / split.images)) for split in splits},
        "detections": detections_content(download.detections),
    }
    return Plan(dataset.source, content, tuple(steps), check=read)


def _data_files(source: Path, split: Split) -> list[str]:
    return [name for name in (split.annotations, split.detections) if (source / name).is_file()]


def _space(source: Path, root: Path, splits: list[Split]) -> Space:
    """Images take space only where they must be copied, on another disk."""
    existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if existing.stat().st_dev == source.stat().st_dev:
        return Space()
    return Space(lasting=sum(size for split in splits for _, size in files_below(source / split.images)))


def _read(source: Path, splits: list[Split]) -> dict[str, Any]:
    """Read and check all JSON files of the folder; return what goes to each path, by path below the root."""
    annotations = {
        split: read_people(source / split.annotations) if split.labelled else read_images(source / split.annotations)
        for split in splits
    }
    _check_same_keypoints(source, annotations)
    detections = {
        split.detections: _read_detections(source / split.detections, data)
        for split, data in annotations.items()
        if (source / split.detections).is_file()
    }
    return {split.annotations: data for split, data in annotations.items()} | detections


def _take(source: Path, root: Path, contents: dict[str, Any]) -> None:
    for split in SPLITS:
        if split.annotations in contents:
            names = [image["file_name"] for image in contents[split.annotations]["images"]]
            _link_images(source / split.images, root / split.images, names)
    for name, value in contents.items():
        write_json(root / name, value, indent=None)


def _check_same_keypoints(source: Path, contents: dict[Split, dict[str, Any]]) -> None:
    names = {
        split.annotations: keypoint_category(source / split.annotations, data)["keypoints"]
        for split, data in contents.items()
        if split.labelled
    }
    (first, expected), *others = names.items()
    for path, found in others:
        if found != expected:
            raise DataError(f"{source / path}: keypoints {found} must be those of {first}: {expected}")


def _read_detections(path: Path, data: dict[str, Any]) -> list[Any]:
    return checked_detections(read_json(path), path, {image["id"] for image in data["images"]})


def _link_images(source: Path, target: Path, names: list[str]) -> None:
    missing = 0
    with progress_bar(f"link {target.name}", len(names), unit="image") as bar:
        for name in names:
            if (source / name).is_file():
                _link((source / name).resolve(), target / name)
            else:
                missing += 1
            bar.update()
    if missing:
        _LOGGER.warning("%s: %d of %d images are missing", source, missing, len(names))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, a file system without links, a file of somebody else's
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(source, partial)
        partial.replace(target)

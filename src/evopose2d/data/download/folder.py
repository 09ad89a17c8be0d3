"""A user's own folder in COCO's layout: its annotations checked and completed, its images linked."""

import functools
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from evopose2d.config.schema import DatasetConfig, DownloadConfig
from evopose2d.data.coco import read_json
from evopose2d.data.download.detections import detections_content, detections_step
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.layout import SPLITS, Split, files_below
from evopose2d.data.download.localised import IMPORT_REPORT, LocalSplit, localised, with_same_keypoints
from evopose2d.data.download.plan import Plan, Space, Step
from evopose2d.errors import ConfigError, DataError
from evopose2d.files import file_sha256, write_json
from evopose2d.progress import progress_bar

_LOGGER = logging.getLogger(__name__)


def plan_folder(root: Path, dataset: DatasetConfig, download: DownloadConfig, retry: Retry) -> Plan:
    """Plan a dataset that links to the images of the folder ``dataset.source``.

    Raises:
        ConfigError: there is no such folder, or it is the dataset's own or holds it.
        DataError: it holds no annotation file, or ``download.detections`` names no file.
    """
    source = source_folder(dataset.source)
    if root.resolve() == source.resolve() or root.resolve() in source.resolve().parents:
        raise ConfigError(f"dataset.source: {source} lies in dataset.root ({root}); name another dataset.root")
    splits = [split for split in SPLITS if (source / split.annotations).is_file()]
    if not any(split.labelled for split in splits):
        wanted = " or ".join(split.annotations for split in SPLITS if split.labelled)
        raise DataError(f"{source}: no {wanted} below it, so it is no folder in COCO's layout")
    read = functools.cache(lambda: _read(source, splits))
    steps = [
        Step(
            "folder",
            None,
            lambda: _take(root, read()),
            tuple(split.annotations for split in splits),
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


def source_folder(given: str) -> Path:
    """Return the folder that ``dataset.source`` names; ``~`` is the user's own.

    Raises:
        ConfigError: there is no such folder; the message says where it was looked for.
    """
    source = Path(given).expanduser()
    if source.is_dir():
        return source
    found = "is a file" if source.exists() else "does not exist"
    raise ConfigError(
        f"dataset.source: got {given!r}: {source.absolute()} {found}; must be synthetic, coco2017 or a folder in "
        "COCO's layout"
    )


def _data_files(source: Path, split: Split) -> list[str]:
    return [name for name in (split.annotations, split.detections) if (source / name).is_file()]


def _space(source: Path, root: Path, splits: list[Split]) -> Space:
    """Images take space only where they must be copied, on another disk."""
    existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if existing.stat().st_dev == source.stat().st_dev:
        return Space()
    return Space(lasting=sum(size for split in splits for _, size in files_below(source / split.images)))


def _read(source: Path, splits: list[Split]) -> list[LocalSplit]:
    """Read and check all JSON files of the folder, and find their images.

    Raises:
        DataError: a file has mistakes, all images of a split are missing, or splits have other keypoints.
    """
    found = []
    for split in splits:
        path, detections = source / split.annotations, source / split.detections
        given = (detections, read_json(detections)) if detections.is_file() else None
        found.append(localised(split, read_json(path), path, source, given))
    for local in found:
        for line in local.lines:
            _LOGGER.warning("%s", line)
    return with_same_keypoints(found)


def _take(root: Path, splits: Sequence[LocalSplit]) -> None:
    for local in splits:
        _link_images(root / local.split.images, local)
    for local in splits:
        for name, value in local.contents.items():
            write_json(root / name, value, indent=None)
    write_json(root / IMPORT_REPORT, {local.split.name: local.report for local in splits})


def _link_images(target: Path, local: LocalSplit) -> None:
    with progress_bar(f"link {target.name}", len(local.files), unit="image") as bar:
        for name, path in local.files.items():
            _link(path.resolve(), target / name)
            bar.update()


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, a file system without links, a file of somebody else's
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(source, partial)
        partial.replace(target)

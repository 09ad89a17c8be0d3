"""A user's own folder of labelled images: its labels checked and completed, its images linked, in COCO's layout."""

import contextlib
import functools
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from evopose2d.config.schema import DatasetConfig, DownloadConfig
from evopose2d.data.coco import keypoint_schema, read_json
from evopose2d.data.coco.mirroring import tell_mirror_pairs
from evopose2d.data.download.detections import detections_content, detections_step
from evopose2d.data.download.dividing import divided
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.layout import VIDEOS, files_below, is_image
from evopose2d.data.download.localised import IMPORT_REPORT, LocalSplit, localised, with_same_keypoints
from evopose2d.data.download.plan import Plan, Space, Step
from evopose2d.data.formats import Format, LabelledImages, format_of
from evopose2d.data.formats.base import split_named
from evopose2d.errors import ConfigError, DataError
from evopose2d.files import digest, file_sha256, write_json
from evopose2d.keypoints import KeypointSchema
from evopose2d.progress import progress_bar

_LOGGER = logging.getLogger(__name__)


def plan_folder(root: Path, dataset: DatasetConfig, download: DownloadConfig, retry: Retry) -> Plan:
    """Plan a dataset that links to the images of the folder ``dataset.source``.

    Raises:
        ConfigError: there is no such folder, or it is the dataset's own or holds it.
        DataError: it holds no labels in a known format, or ``download.detections`` names no file.
    """
    source = source_folder(dataset.source)
    if root.resolve() == source.resolve() or root.resolve() in source.resolve().parents:
        raise ConfigError(f"dataset.source: {source} lies in dataset.root ({root}); name another dataset.root")
    labels = format_of(source, dataset.format)
    _LOGGER.info("%s: labels in format %s", source, labels.name)
    made = contextlib.ExitStack()
    read = functools.cache(lambda: _read(source, labels, dataset, made))
    steps = [Step("folder", None, lambda: _take(root, read()), (IMPORT_REPORT,), lambda: _space(source, root))]
    if download.detections is not None:
        steps.append(detections_step(root, download.detections, retry))
    settings = {"format": dataset.format, "category": dataset.category, "box_from": dataset.box_from}
    content = {
        "source": dataset.source,
        "labels": source_digest(source),
        "settings": settings | {"split": asdict(dataset.split)},
        "detections": detections_content(download.detections),
    }
    return Plan(dataset.source, content, tuple(steps), check=read, close=made.close)


def source_digest(source: Path) -> str:
    """Return what changes when a label of a folder does: contents, but of images and videos names and sizes."""
    files = sorted(files_below(source))
    media = [list(file) for file in files if is_image(file[0]) or PurePosixPath(file[0]).suffix.lower() in VIDEOS]
    seen = {name for name, _ in media}
    labels = {name: file_sha256(source / name) for name, _ in files if name not in seen}
    return digest({"labels": labels, "images": media})


def source_folder(given: str) -> Path:
    """Return the folder that ``dataset.source`` names.

    Raises:
        ConfigError: there is no such folder; the message says where it was looked for.
    """
    source = Path(given)
    if source.is_dir():
        return source
    found = "is a file (name its folder; archives are unpacked first)" if source.exists() else "does not exist"
    raise ConfigError(
        f"dataset.source: got {given!r}: {source.absolute()} {found}; must be synthetic, coco2017 or a folder of "
        "labelled images"
    )


def _space(source: Path, root: Path) -> Space:
    """Images take space only where they must be copied, on another disk."""
    existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if existing.stat().st_dev == source.stat().st_dev:
        return Space()
    return Space(lasting=sum(size for name, size in files_below(source) if is_image(name)))


def _read(source: Path, labels: Format, dataset: DatasetConfig, made: contextlib.ExitStack) -> list[LocalSplit]:
    """Read and check all labels of the folder, and find their images.

    Args:
        source: the folder.
        labels: its format.
        dataset: ``dataset`` of ``params.yaml``.
        made: holds a temporary folder of the images that are no files, until it is closed.

    Raises:
        DataError: a file has mistakes, all images of a split are missing, or splits have other keypoints.
    """
    given = _by_split(labels.read(source), source)
    found = []
    for name, each in given.items():
        detections = None if each.detections is None else (each.detections, read_json(each.detections))
        local = localised(
            split_named(name),
            each.content,
            each.path,
            source,
            _images(each, dataset, made),
            detections,
            category=dataset.category,
            box_from_keypoints=dataset.box_from == "keypoints",
        )
        found += divided(local, dataset.split) if name == "train" and "val" not in given else [local]
    found = with_same_keypoints(found)
    for local in found:
        for line in local.lines:
            _LOGGER.warning("%s", line)
    tell_mirror_pairs(_schema(found, dataset), dataset)
    return found


def _images(labelled: LabelledImages, dataset: DatasetConfig, made: contextlib.ExitStack) -> Path:
    """Return the folder in which images are looked for first, and write those that are no files there."""
    if labelled.write_images is None:
        return labelled.images
    root = Path(dataset.root)
    root.parent.mkdir(parents=True, exist_ok=True)
    # Beside the dataset, so that links do; what is linked stays when this is removed.
    folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent)))
    labelled.write_images(folder)
    return folder


def _schema(splits: Sequence[LocalSplit], dataset: DatasetConfig) -> KeypointSchema:
    """Return the keypoints of the splits, which are the same."""
    coco = next(local.coco for local in splits if local.coco is not None)
    return keypoint_schema(coco, dataset)


def _by_split(found: Sequence[LabelledImages], source: Path) -> dict[str, LabelledImages]:
    """Return what is there of each split; labels without a split are of train.

    Raises:
        DataError: several files are of one split, or none has labels to train or validate with.
    """
    result: dict[str, LabelledImages] = {}
    for each in found:
        # What exports call test has labels, which COCO's test-dev has not: it is val where there is no other.
        named = "train" if each.split is None else each.split
        if named == "test-dev" and isinstance(each.content, dict) and each.content.get("annotations"):
            if any(other.split == "val" for other in found):
                _LOGGER.warning("%s: labelled test images are not used, since there are val images", each.path)
                continue
            named = "val"
        if named in result:
            raise DataError(
                f"{source}: {each.path} and {result[named].path} are both {named}; keep one, or one folder each"
            )
        result[named] = each
    if not {"train", "val"} & set(result):
        raise DataError(f"{source}: holds no labels to train or validate with")
    return result


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
            link(path.resolve(), target / name)
            bar.update()


def link(source: Path, target: Path) -> None:
    """Put a file in another place too: by a link, or where there cannot be one by a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, a file system without links, a file of somebody else's
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(source, partial)
        partial.replace(target)

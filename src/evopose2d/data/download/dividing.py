"""A train and a val split out of one: by a seed, near duplicates of an image on the same side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from evopose2d.config.schema import SplitConfig
from evopose2d.data.download.layout import TRAIN, VAL, Split
from evopose2d.data.download.localised import LocalSplit
from evopose2d.errors import DataError

_HASHED = (8, 9)  # rows and columns of the grey picture whose neighbours are compared
_ALIKE = 4  # of 64 bits in which near duplicates may differ
_MOST_COMPARED = 10_000  # images; of more, only those of equal hash are alike, since all pairs take a gigabyte
_FLAT = 2.0  # grey levels of standard deviation, below which a picture shows nothing to compare


def divided(local: LocalSplit, config: SplitConfig) -> list[LocalSplit]:
    """Divide a split into train and val.

    Images that look alike, as frames of one scene do, are on one side, unless nearly all do, as where the camera stands
    still. As many images are val as ``config.val`` says, as nearly as these groups allow.

    Args:
        local: the whole.
        config: ``dataset.split`` of ``params.yaml``.

    Raises:
        DataError: fewer than two images show labelled people.
    """
    assert local.coco is not None
    path, content = local.coco.path, local.contents[local.split.annotations]
    labelled = {person["image_id"] for person in content["annotations"] if person["num_keypoints"]}
    images = [image for image in content["images"] if image["id"] in labelled]
    if len(images) < 2:
        raise DataError(
            f"{path}: {len(images)} images with labelled people cannot be divided into train and val, at least 2 are "
            "needed"
        )
    groups = _groups([local.files.get(image["file_name"]) for image in images])
    told = "no two of them look alike"
    if len(groups) < len(images):
        told = f"those that look alike are on one side ({len(groups)} groups)"
    if max(map(len, groups)) > (1 - config.val) * len(images):
        groups = [[index] for index in range(len(images))]
        told = "nearly all look alike, so that near duplicates are on both sides"
    wanted = max(round(config.val * len(images)), 1)
    chosen: set[int] = set()
    for index in np.random.default_rng(config.seed).permutation(len(groups)).tolist()[:-1]:
        if len(chosen) + len(groups[index]) <= wanted or not chosen:
            chosen |= {images[number]["id"] for number in groups[index]}
    line = f"{path}: no val split, {len(chosen)} of {len(images)} labelled images are val (dataset.split); {told}"
    train = _part(local, TRAIN, content, lambda image_id: image_id not in chosen)
    val = _part(local, VAL, content, lambda image_id: image_id in chosen)
    return [replace(train, lines=[*local.lines, line]), replace(val, lines=[], report={})]


def _part(local: LocalSplit, split: Split, content: Mapping[str, Any], belongs: Callable[[int], bool]) -> LocalSplit:
    images = [image for image in content["images"] if belongs(image["id"])]
    people = [person for person in content["annotations"] if belongs(person["image_id"])]
    names = {image["file_name"] for image in images}
    files = {name: path for name, path in local.files.items() if name in names}
    part = {**content, "images": images, "annotations": people}
    return replace(local, split=split, contents={split.annotations: part}, files=files)


def _groups(files: Sequence[Path | None]) -> list[list[int]]:
    """Return the indices of files in groups that look alike; what cannot be read, or shows nothing, is like nothing."""
    found = [_hash(path) for path in files]
    hashed = [index for index, value in enumerate(found) if value is not None]
    hashes = np.array([found[index] for index in hashed], np.uint64)
    if len(hashed) <= _MOST_COMPARED:
        rows = [_bits(value ^ hashes) <= _ALIKE for value in hashes]
        links = csr_matrix(np.array(rows, bool).reshape(len(hashed), len(hashed)))
        _, labels = connected_components(links, directed=False)
    else:
        labels = np.unique(hashes, return_inverse=True)[1]
    groups: dict[int, list[int]] = {}
    label_of = dict(zip(hashed, labels.tolist(), strict=True))
    for index in range(len(files)):
        groups.setdefault(label_of.get(index, -1 - index), []).append(index)
    return list(groups.values())


def _hash(path: Path | None) -> int | None:
    """Return a difference hash: in which of 64 places a small grey picture grows brighter to the right."""
    grey = None if path is None else cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    if grey is None or grey.std() < _FLAT:
        return None
    small = cv2.resize(grey, _HASHED[::-1], interpolation=cv2.INTER_AREA)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).ravel()), 2)


def _bits(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Count the ones in each of N 64-bit numbers."""
    return np.unpackbits(values.view(np.uint8).reshape(-1, 8), axis=-1).sum(axis=-1, dtype=np.int64)

"""A few images of COCO 2017: the annotations, and the images by their own addresses."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from evopose2d.config.schema import DownloadConfig
from evopose2d.data.coco import read_json
from evopose2d.data.download.archives import Archive, CocoArchives
from evopose2d.data.download.detections import detections_content, detections_step
from evopose2d.data.download.fetch import Retry, check_address, fetch_bytes
from evopose2d.data.download.layout import SPLITS, TEST_DEV, TRAIN, VAL, Split
from evopose2d.data.download.plan import Plan, Space, Step
from evopose2d.data.download.store import ArchiveStore, archive_store
from evopose2d.errors import DataError, DownloadError
from evopose2d.files import write_json
from evopose2d.progress import progress_bar

_CONNECTIONS = 8
_IMAGE_BYTES = 250_000  # of an image and its annotations: COCO's images take 163 KB each


def plan_subset(root: Path, download: DownloadConfig, archives: CocoArchives, retry: Retry) -> Plan:
    """Plan the first ``download.subset_images`` images of each split, by image id, that show labelled people.

    Raises:
        ConfigError: ``download.mirror`` is no http(s) address.
        DataError: ``download.detections`` names no file.
    """
    splits: dict[Archive, tuple[Split, ...]] = {archives.annotations: (TRAIN, VAL)}
    if download.test_dev:
        splits[archives.test_info] = (TEST_DEV,)
    store = archive_store(root, download, retry)
    mirror = None if download.mirror is None else store.address
    image_patterns = tuple(f"{split.images}/*" for chosen in splits.values() for split in chosen)
    count = download.subset_images
    steps = [_annotation_step(root, store, archive, chosen, count) for archive, chosen in splits.items()]
    steps.append(Step("images", None, lambda: _fetch_images(root, mirror, retry), image_patterns))
    if download.detections is not None:
        steps.append(detections_step(root, download.detections, retry))
    content = {
        "source": "coco2017",
        "archives": [archive.sha256 for archive in splits],
        "subset_images": count,
        "detections": detections_content(download.detections),
    }
    return Plan("coco2017", content, tuple(steps))


def reduce_annotations(data: dict[str, Any], images: int) -> dict[str, Any]:
    """Return an annotation file's contents for its first images.

    Args:
        data: contents of an annotation file in COCO's format.
        images: how many images are wanted. Of a file with annotations, those with labelled keypoints count.

    Returns:
        The same, with these images in order of their id and all annotations of them.
    """
    ids = {image["id"] for image in data["images"]}
    if "annotations" in data:
        ids &= {person["image_id"] for person in data["annotations"] if person["num_keypoints"] > 0}
    chosen = set(sorted(ids)[:images])
    kept = sorted((image for image in data["images"] if image["id"] in chosen), key=lambda image: image["id"])
    reduced = data | {"images": kept}
    if "annotations" in data:
        reduced["annotations"] = [person for person in data["annotations"] if person["image_id"] in chosen]
    return reduced


def _annotation_step(root: Path, store: ArchiveStore, archive: Archive, splits: tuple[Split, ...], images: int) -> Step:
    def run() -> None:
        path = store.fetch(archive)
        for split in splits:
            data = _read_entry(path, split.annotations)
            write_json(root / split.annotations, reduce_annotations(data, images), indent=None)
        store.dispose(archive)

    def space() -> Space:
        return store.space(archive, images * len(splits) * _IMAGE_BYTES)

    return Step(archive.name, archive.sha256, run, tuple(split.annotations for split in splits), space)


def _read_entry(archive: Path, name: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(name) as file:
            data: dict[str, Any] = json.load(file)
            return data
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DownloadError(f"{archive}: cannot read {name} ({error})") from error


def _fetch_images(root: Path, mirror: str | None, retry: Retry) -> None:
    wanted = [
        (_address(image, mirror), root / split.images / image["file_name"], (image["height"], image["width"]))
        for split in SPLITS
        if (root / split.annotations).exists()
        for image in read_json(root / split.annotations)["images"]
    ]
    missing = [entry for entry in wanted if not entry[1].exists()]
    bar = progress_bar("images", len(wanted), unit="image", initial=len(wanted) - len(missing))
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        for future in as_completed([pool.submit(_fetch_image, *entry, retry) for entry in missing]):
            future.result()
            bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()


def _address(image: dict[str, Any], mirror: str | None) -> str:
    address = check_address(str(image.get("coco_url")), f"image {image['id']}: coco_url")
    return address if mirror is None else mirror + urlsplit(address).path


def _fetch_image(url: str, path: Path, shape: tuple[int, int], retry: Retry) -> None:
    """Fetch an image, check that it is one of (height, width) ``shape``, and write it whole or not at all."""
    received = fetch_bytes(url, retry)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(received, np.uint8), flags) if received else None
    if pixels is None or pixels.shape[:2] != shape:
        found = "no image" if pixels is None else f"an image of {pixels.shape[1]} x {pixels.shape[0]} pixels"
        raise DataError(f"{url}: received {found}, expected {shape[1]} x {shape[0]} pixels")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(received)
    partial.replace(path)

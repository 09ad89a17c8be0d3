"""Writing of the drawn dataset in COCO's layout, by several processes."""

import contextlib
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evopose2d.config.schema import SyntheticConfig
from evopose2d.data.synthetic.annotation import PERSON_CATEGORY, crowd_annotation, person_annotation
from evopose2d.data.synthetic.detections import sample_detections
from evopose2d.data.synthetic.scene import draw_scene
from evopose2d.errors import DataError
from evopose2d.files import replacing, write_json

_logger = logging.getLogger(__name__)

_IMAGES_A_TASK = 8
_JPEG_QUALITIES = (72, 95)
_INFO = {"description": "EvoPose2D synthetic people", "version": "1", "contributor": "evopose2d"}
_LICENSES = [{"id": 1, "name": "MIT License", "url": "https://opensource.org/license/mit"}]


@dataclass(frozen=True)
class Split:
    """One part of the dataset and its files.

    Attributes:
        folder: of its images below the root.
        annotations: its annotation file below the root.
        detections: its file of person detections below the root; None for none.
        number: makes its random numbers and its ids differ from the other splits'.
        labelled: whether annotations may be told.
    """

    folder: str
    annotations: str
    detections: str | None
    number: int
    labelled: bool = True

    @property
    def first_id(self) -> int:
        """Id of its first image and of its first annotation."""
        return 100_000_000 * self.number + 1


TRAIN = Split("train2017", "annotations/person_keypoints_train2017.json", None, 0)
VAL = Split("val2017", "annotations/person_keypoints_val2017.json", "detections/person_detections_val2017.json", 1)
TEST = Split(
    "test2017",
    "annotations/image_info_test-dev2017.json",
    "detections/person_detections_test-dev2017.json",
    2,
    labelled=False,
)


@dataclass(frozen=True)
class DrawnImage:
    """What the dataset's files say of one image; annotations lack their ``id``."""

    image: dict[str, Any]
    annotations: list[dict[str, Any]]
    detections: list[dict[str, Any]]


def write_synthetic_dataset(
    root: Path, config: SyntheticConfig, *, workers: int, progress: Callable[[int], None] | None
) -> None:
    """Draw the dataset and write it in COCO's layout.

    Each image is a function of the seed, its split and its number alone: the number of workers changes
    nothing. Files are written whole or not at all; old annotation files are removed first and new ones are
    written last, so that an interrupted run shows as one without annotations.

    Args:
        root: the dataset's folder.
        config: seed and numbers of images.
        workers: processes that draw; 1 draws in this one, 0 takes one for each core.
        progress: called now and then with the number of images written since its last call.

    Raises:
        DataError: a drawing process was killed.
    """
    sizes = {TRAIN: config.train_images, VAL: config.val_images, TEST: config.test_images}
    for split in sizes:
        _clear(root, split)
    drawn = {
        split: _draw_split(root, config.seed, split, size, workers or _cores(), progress)
        for split, size in sizes.items()
        if size
    }
    for split, images in drawn.items():
        if split.detections is not None:
            write_json(root / split.detections, [entry for each in images for entry in each.detections], indent=None)
    for split, images in drawn.items():
        write_json(root / split.annotations, _annotation_file(split, images), indent=None)
        people = sum(len(each.annotations) for each in images)
        _logger.info("%s: %d images, %d annotations", split.folder, len(images), people)


def _clear(root: Path, split: Split) -> None:
    """Remove a split's annotations and detections, and what a killed run was just writing."""
    for name in (split.annotations, split.detections):
        if name is not None:
            (root / name).unlink(missing_ok=True)
    for unfinished in (root / split.folder).glob(".[0-9]*-*.jpg"):
        unfinished.unlink()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _draw_split(
    root: Path, seed: int, split: Split, size: int, workers: int, progress: Callable[[int], None] | None
) -> list[DrawnImage]:
    tasks = [
        (root, seed, split, range(start, min(start + _IMAGES_A_TASK, size))) for start in range(0, size, _IMAGES_A_TASK)
    ]
    images: list[DrawnImage] = []
    for done in _in_order(tasks, workers):
        images.extend(done)
        if progress is not None:
            progress(len(done))
    return images


Task = tuple[Path, int, Split, range]


def _in_order(tasks: list[Task], workers: int) -> Iterator[list[DrawnImage]]:
    """Yield the tasks' results in the tasks' order."""
    if workers == 1 or len(tasks) == 1:
        yield from map(_write_images, tasks)
        return
    # Not forked: the parent may hold threads and locks (TensorFlow's, say) that a forked child would inherit.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context, initializer=_begin_worker)
    with executor, _cancelling(executor):
        try:
            yield from executor.map(_write_images, tasks)
        except BrokenProcessPool as error:
            raise DataError(
                f"a process that draws images was killed (out of memory?): got {workers} workers, use fewer"
            ) from error


def _begin_worker() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent was killed: it would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _cancelling(executor: ProcessPoolExecutor) -> Iterator[None]:
    """Drop what is not begun if anything goes wrong, so that an interrupt does not wait for all of it."""
    try:
        yield
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise


def _write_images(task: Task) -> list[DrawnImage]:
    root, seed, split, indices = task
    return [_write_image(root, seed, split, index) for index in indices]


def _write_image(root: Path, seed: int, split: Split, index: int) -> DrawnImage:
    rng = np.random.default_rng([seed, split.number, index])
    scene = draw_scene(rng)
    quality = int(rng.integers(*_JPEG_QUALITIES))
    height, width = scene.picture.shape[:2]
    image_id = split.first_id + index
    name = f"{image_id:012d}.jpg"
    _, encoded = cv2.imencode(".jpg", scene.picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
    with replacing(root / split.folder / name) as temporary:
        temporary.write_bytes(encoded.tobytes())
    people = [person_annotation(person.mask, person.keypoints) for person in scene.people]
    found = sample_detections(rng, [person["bbox"] for person in people], height, width)
    return DrawnImage(
        {"license": 1, "file_name": name, "height": height, "width": width, "id": image_id},
        [{"image_id": image_id, **entry} for entry in (*people, *map(crowd_annotation, scene.crowds))],
        [{"image_id": image_id, **entry} for entry in found],
    )


def _annotation_file(split: Split, images: list[DrawnImage]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "info": _INFO,
        "licenses": _LICENSES,
        "images": [each.image for each in images],
        "categories": [PERSON_CATEGORY],
    }
    if split.labelled:
        entries = [entry for each in images for entry in each.annotations]
        content["annotations"] = [{**entry, "id": split.first_id + n} for n, entry in enumerate(entries)]
    return content

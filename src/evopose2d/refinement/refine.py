"""The command ``evopose2d refine``: from a results file to a better one."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.data.coco import CocoFile, read_coco
from evopose2d.data.image_files import read_pixels
from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.coco_ap import evaluate_results
from evopose2d.evaluation.results import write_results
from evopose2d.refinement.refiner import Posed, PoseRefiner
from evopose2d.refinement.results import Results, read_results

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RefineTask:
    """What to refine.

    Attributes:
        results: file in COCO's results format.
        annotations: COCO file that lists the images; where it labels people, AP is measured.
        images: folder of the images.
        output: file to write.
    """

    results: Path
    annotations: Path
    images: Path
    output: Path


def refine_results(refiner: PoseRefiner, task: RefineTask) -> dict[str, Any]:
    """Refine everybody of a results file, and write them whole or not at all.

    Scores, order and whatever else an entry holds stay as they are.

    Returns:
        How many people of how many images, the file, and where there are labels the AP before and after.

    Raises:
        ConfigError: the output would take the place of an input.
        DataError: a file cannot be read or has mistakes, or its keypoints are not the network's.
    """
    if task.output.resolve() in (task.results.resolve(), task.annotations.resolve()):
        raise ConfigError(f"--output: got {task.output}, must be another file than those that are read")
    annotations = read_coco(task.annotations)
    names = tuple(annotations.category["keypoints"])
    if names != refiner.keypoints.names:
        raise DataError(f"{task.annotations}: its keypoints are not those that the network was trained on")
    results = read_results(task.results, annotations, len(names))
    order = np.argsort(results.image_ids, kind="stable")
    # A missing image is told before any work.
    files = {image: _file(task, annotations, image) for image in np.unique(results.image_ids).tolist()}
    found = refiner.positions(_pictures(results, annotations, files, order), len(order), progress=True)
    positions = np.empty_like(found)
    positions[order] = found
    refined = results.refined(positions)
    summary: dict[str, Any] = {"people": len(order), "images": len(files), "results": str(task.output)}
    if annotations.labelled:
        for name, entries in (("AP_before", results.entries), ("AP_after", refined)):
            summary[name] = evaluate_results(annotations, list(entries), refiner.keypoints.sigmas).figures["AP"]
    else:
        logger.info("%s: labels nobody, so that no AP is measured", task.annotations)
    write_results(task.output, refined)
    return summary


def _file(task: RefineTask, annotations: CocoFile, image: int) -> Path:
    path = task.images / annotations.images[image].file_name
    if not path.is_file():
        raise DataError(f"{path}: no such image, of which {task.results} has a pose; --images names the folder")
    return path


def _pictures(
    results: Results, annotations: CocoFile, files: dict[int, Path], order: np.ndarray[Any, Any]
) -> Iterator[Posed]:
    """Yield the images with their people, image after image."""
    ids = results.image_ids[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    for people in np.split(order, starts[1:]):
        image = int(results.image_ids[people[0]])
        size = annotations.images[image].size
        yield (
            read_pixels(files[image], upright=False, labelled_size=size),
            results.keypoints[people],
            results.boxes[people],
        )

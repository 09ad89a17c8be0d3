"""COCO's average precision and recall of keypoints, computed by pycocotools for any number of keypoints."""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evopose2d.data.coco import CocoFile
from evopose2d.errors import DataError

_logger = logging.getLogger(__name__)

FIGURES = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")


@dataclass(frozen=True)
class KeypointAP:
    """What COCO's keypoint evaluation says of a set of results.

    Attributes:
        figures: the ten figures by name, in the order of ``FIGURES``; None where there is no ground truth for one,
            for example no person of medium area (COCO's own mark is -1). Such entries of the arrays are NaN.
        thresholds: (T,) OKS thresholds, 0.50 to 0.95.
        ap_by_threshold: (T,) AP at each threshold.
        recall: (R,) recall levels, 0 to 1.
        precision: (T, R) precision at each threshold and recall level.
    """

    figures: dict[str, float | None]
    thresholds: NDArray[np.float64]
    ap_by_threshold: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]

    def precision_at(self, threshold: float | None = None) -> NDArray[np.float64]:
        """Return the (R,) precisions at one OKS threshold, or (``None``) their mean over all thresholds.

        Raises:
            ValueError: ``threshold`` is none of ``thresholds``.
        """
        if threshold is None:
            return self.precision.mean(axis=0)
        matches = np.flatnonzero(np.isclose(self.thresholds, threshold))
        if not matches.size:
            raise ValueError(f"threshold: got {threshold}, allowed: {self.thresholds.round(2).tolist()}")
        return self.precision[matches[0]]


def evaluate_results(
    coco: CocoFile,
    results: Sequence[Mapping[str, Any]],
    sigmas: Sequence[float],
    *,
    image_ids: Sequence[int] | None = None,
) -> KeypointAP:
    """Hold results against ground truth as COCO's evaluation server does.

    Crowds and people without a labelled keypoint are ignored: a prediction there counts neither way.

    Args:
        coco: the annotation file, whose keypoint category is evaluated.
        results: entries with ``image_id``, ``category_id``, ``keypoints`` (3 K numbers) and ``score``; may be
            empty, which gives an AP of 0.
        sigmas: K OKS standard deviations.
        image_ids: images to evaluate; ``None``: all of the annotation file, where an image without results
            costs recall.

    Raises:
        DataError: the annotations or the results have another number of keypoints, or results are of images that the
            annotation file does not list.
    """
    images = [{"id": image_id} for image_id in coco.images]
    truth = _ground_truth(coco, len(sigmas))
    detections = _detections(results, coco, len(sigmas))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        evaluation = COCOeval(
            _index(images, truth, coco.category),
            _index(images, detections, coco.category),
            iouType="keypoints",
        )
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
        if image_ids is not None:
            evaluation.params.imgIds = sorted(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    _logger.debug("%s", printed.getvalue())
    # Axes of pycocotools: threshold, recall, category, area (all first), most people of an image.
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]
    precision = np.where(precision < 0, np.nan, precision)
    return KeypointAP(
        figures={
            name: None if value < 0 else value for name, value in zip(FIGURES, evaluation.stats.tolist(), strict=True)
        },
        thresholds=np.asarray(evaluation.params.iouThrs),
        ap_by_threshold=precision.mean(axis=1),
        recall=np.asarray(evaluation.params.recThrs),
        precision=precision,
    )


def _ground_truth(coco: CocoFile, count: int) -> list[dict[str, Any]]:
    """Return the people of the file as pycocotools reads them."""
    if len(coco.category["keypoints"]) != count:
        named = len(coco.category["keypoints"])
        raise DataError(f"{coco.path}: its category names {named} keypoints, must name {count}")
    return [
        {
            "id": person.annotation_id,
            "image_id": person.image_id,
            "category_id": coco.category["id"],
            "bbox": person.box,
            "area": person.area,
            "iscrowd": int(person.is_crowd),
            "keypoints": person.keypoints.ravel().tolist(),
            "num_keypoints": person.labelled,
        }
        for person in coco.people
    ]


def _detections(results: Sequence[Mapping[str, Any]], coco: CocoFile, count: int) -> list[dict[str, Any]]:
    """Return the results with what pycocotools' ``loadRes`` adds; unlike that, for an empty list too."""
    people = []
    for identity, result in enumerate(results, start=1):
        image_id, keypoints = result["image_id"], result["keypoints"]
        if image_id not in coco.images:
            raise DataError(f"results: image {image_id} is not in {coco.path}")
        if len(keypoints) != 3 * count:
            raise DataError(
                f"results: image {image_id} has a person of {len(keypoints)} keypoint numbers, must be {3 * count}"
            )
        x, y = np.asarray(keypoints[0::3]), np.asarray(keypoints[1::3])
        width, height = float(np.ptp(x)), float(np.ptp(y))
        box = [float(x.min()), float(y.min()), width, height]
        people.append({**result, "id": identity, "bbox": box, "area": width * height, "iscrowd": 0})
    return people


def _index(images: list[dict[str, Any]], annotations: list[dict[str, Any]], category: Mapping[str, Any]) -> COCO:
    indexed = COCO()
    indexed.dataset = {"images": images, "annotations": annotations, "categories": [category]}
    indexed.createIndex()
    return indexed

"""The original's way from heatmaps to COCO's figures, as a baseline: Python loops over people and keypoints.

It follows the original project of McNally et al. (arXiv 2011.08446) and the code that it took over from Simple
Baselines (Xiao et al., arXiv 1804.06208): each keypoint's peak is looked for and moved by a quarter pixel on its
own, each person's affine matrix is inverted and applied keypoint by keypoint, scores are means over a loop, OKS is
computed person by person, and pycocotools' ``COCOeval`` computes AP.
"""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def decode(heatmaps: NDArray[np.float32], stride: float) -> NDArray[np.float64]:
    """Find each heatmap's peak and move it a quarter pixel toward the higher neighbours.

    Args:
        heatmaps: (N, h, w, K) with peaks of about 255.
        stride: crop pixels for one heatmap pixel.

    Returns:
        (N, K, 3) x, y in crop pixels and score.
    """
    people, height, width, count = heatmaps.shape
    keypoints = np.zeros((people, count, 3))
    for person in range(people):
        for index in range(count):
            heatmap = heatmaps[person, :, :, index]
            y, x = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
            moved_x, moved_y = float(x), float(y)
            if 1 < x < width - 1 and 1 < y < height - 1:
                slope = np.array([heatmap[y, x + 1] - heatmap[y, x - 1], heatmap[y + 1, x] - heatmap[y - 1, x]])
                moved_x, moved_y = np.array([x, y]) + 0.25 * np.sign(slope)
            keypoints[person, index] = moved_x * stride, moved_y * stride, heatmap.max() / 255
    return keypoints


def to_image(keypoints: NDArray[np.float64], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take keypoints (N, K, 3) back to the image by the inverse of each person's (N, 2, 3) matrix."""
    result = keypoints.copy()
    for person in range(len(keypoints)):
        inverse = cv2.invertAffineTransform(matrices[person])
        for index in range(keypoints.shape[1]):
            x, y = keypoints[person, index, :2]
            result[person, index, :2] = inverse @ np.array([x, y, 1.0])
    return result


def rescore(keypoints: NDArray[np.float64], box_scores: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Return for each of N people the box's score times the mean of the keypoint scores above a threshold."""
    scores = np.zeros(len(keypoints))
    for person in range(len(keypoints)):
        counted = [score for score in keypoints[person, :, 2] if score > threshold]
        scores[person] = box_scores[person] * (sum(counted) / len(counted) if counted else 0.0)
    return scores


def suppress(
    image_ids: NDArray[np.integer],
    keypoints: NDArray[np.float64],
    scores: NDArray[np.float64],
    areas: NDArray[np.float64],
    sigmas: Sequence[float],
    threshold: float,
) -> list[int]:
    """Return the indices of people that are not too similar to a better one of their image, ascending."""
    by_image: dict[int, list[int]] = {}
    for person, image_id in enumerate(image_ids.tolist()):
        by_image.setdefault(image_id, []).append(person)
    kept = []
    for people in by_image.values():
        order = sorted(people, key=lambda person: -scores[person])
        while order:
            best = order.pop(0)
            kept.append(best)
            order = [other for other in order if _oks(keypoints, areas, best, other, sigmas) <= threshold]
    return sorted(kept)


def _oks(
    keypoints: NDArray[np.float64], areas: NDArray[np.float64], first: int, second: int, sigmas: Sequence[float]
) -> float:
    variances = (2 * np.asarray(sigmas)) ** 2
    squared = ((keypoints[first, :, :2] - keypoints[second, :, :2]) ** 2).sum(axis=-1)
    exponents = squared / variances / ((areas[first] + areas[second]) / 2 + np.spacing(1)) / 2
    return float(np.exp(-exponents).sum() / len(exponents))


def results_of(
    image_ids: NDArray[np.integer], keypoints: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Return people in COCO's results format, one by one."""
    results = []
    for person in range(len(keypoints)):
        flat = []
        for x, y, score in keypoints[person]:
            flat.extend([float(x), float(y), float(score)])
        results.append(
            {
                "image_id": int(image_ids[person]),
                "category_id": 1,
                "keypoints": flat,
                "score": float(scores[person]),
            }
        )
    return results


def average_precision(dataset: dict[str, Any], results: list[dict[str, Any]]) -> float:
    """Return COCO's AP by pycocotools alone.

    Args:
        dataset: an annotation file's content.
        results: in COCO's results format, at least one.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dataset
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])

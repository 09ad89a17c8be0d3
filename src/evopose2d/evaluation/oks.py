"""Object keypoint similarity (OKS): how alike two poses are, from 0 to 1.

COCO keypoint evaluation, https://cocodataset.org/#keypoints-eval: each keypoint scores
``exp(-d^2 / (2 area (2 sigma)^2))``, and a pose's OKS is the mean over its keypoints.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def keypoint_similarity(
    first: NDArray[np.floating], second: NDArray[np.floating], areas: ArrayLike, sigmas: Sequence[float]
) -> NDArray[np.float64]:
    """Return the similarity of each keypoint of ``first`` to the same one of ``second``.

    Args:
        first: (..., K, 2 or more) positions in pixels.
        second: positions of a shape that broadcasts with ``first``.
        areas: (...) area of the person in square pixels.
        sigmas: K standard deviations relative to the square root of the area.

    Returns:
        (..., K) similarities from 0 to 1.
    """
    squared = np.sum((np.asarray(first[..., :2], np.float64) - second[..., :2]) ** 2, axis=-1)
    # COCO's evaluation adds the same smallest number, so that an area of 0 compares like any other.
    scale = 2.0 * (np.asarray(areas, np.float64)[..., None] + np.spacing(1))
    return np.exp(-squared / (scale * (2.0 * np.asarray(sigmas, np.float64)) ** 2))


def pairwise_oks(
    keypoints: NDArray[np.floating], areas: NDArray[np.floating], sigmas: Sequence[float]
) -> NDArray[np.float64]:
    """Return the OKS of every two of N predicted people.

    The area of a pair is the mean of both, as in Simple Baselines (Xiao et al., arXiv 1804.06208) and HRNet.

    Args:
        keypoints: (N, K, 2 or more) predicted positions in pixels; every keypoint counts.
        areas: (N,) areas in square pixels.
        sigmas: K standard deviations.

    Returns:
        (N, N) symmetric matrix with ones on its diagonal.
    """
    mean_areas = (areas[:, None] + areas[None, :]) / 2.0
    return keypoint_similarity(keypoints[:, None], keypoints[None, :], mean_areas, sigmas).mean(axis=-1)


def labelled_oks(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    areas: NDArray[np.floating],
    sigmas: Sequence[float],
) -> NDArray[np.float64]:
    """Return the OKS of each of N predicted people with its own annotation, over the labelled keypoints.

    Args:
        predicted: (N, K, 2 or more) positions in pixels.
        truth: (N, K, 3) positions in pixels and visibility 0/1/2.
        areas: (N,) annotated areas in square pixels.
        sigmas: K standard deviations.

    Returns:
        (N,) OKS from 0 to 1; NaN for a person without a labelled keypoint.
    """
    labelled = truth[..., 2] > 0
    total = np.sum(keypoint_similarity(predicted, truth, areas, sigmas) * labelled, axis=-1)
    counts = labelled.sum(axis=-1)
    return np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0)

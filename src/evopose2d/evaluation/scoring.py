"""How sure a prediction of a whole person is."""

import numpy as np
from numpy.typing import NDArray


def person_scores(
    keypoint_scores: NDArray[np.floating], box_scores: NDArray[np.floating], threshold: float
) -> NDArray[np.float64]:
    """Return box score times the mean of the keypoint scores above a threshold.

    The rule of Simple Baselines (Xiao et al., arXiv 1804.06208, section 4.1), HRNet and EvoPose2D.

    Args:
        keypoint_scores: (N, K) scores, 0..1.
        box_scores: (N,) scores of the people's boxes, 0..1 (1 for annotated boxes).
        threshold: only keypoint scores greater than this count.

    Returns:
        (N,) scores; 0 for a person with no keypoint above the threshold.
    """
    scores = np.asarray(keypoint_scores, np.float64)
    counted = scores > threshold
    counts = counted.sum(axis=-1)
    means = np.divide((scores * counted).sum(axis=-1), counts, out=np.zeros(counts.shape), where=counts > 0)
    return np.asarray(box_scores, np.float64) * means

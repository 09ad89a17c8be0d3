"""Predictions in COCO's results format, https://cocodataset.org/#format-results."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.files import write_json

# A hundredth of a pixel is far below what OKS can tell; scores keep enough digits to keep their order.
_POSITION_DECIMALS = 2
_SCORE_DECIMALS = 6


def coco_results(
    image_ids: NDArray[np.integer],
    keypoints: NDArray[np.floating],
    scores: NDArray[np.floating],
    category_id: int = 1,
) -> list[dict[str, Any]]:
    """Return one result for each person.

    Args:
        image_ids: (N,) image of each person.
        keypoints: (N, K, 3) x, y in image pixels and score.
        scores: (N,) person scores.
        category_id: category of the people in the annotation file.

    Returns:
        N dictionaries with ``image_id``, ``category_id``, ``keypoints`` (3 K numbers) and ``score``.
    """
    # Python rounds each number to its shortest form; float32 values would be written with their whole tail.
    positions = np.asarray(keypoints, np.float64).round(_POSITION_DECIMALS)
    positions[..., 2] = np.asarray(keypoints[..., 2], np.float64).round(_SCORE_DECIMALS)
    return [
        {"image_id": int(image_id), "category_id": category_id, "keypoints": flat, "score": score}
        for image_id, flat, score in zip(
            image_ids,
            positions.reshape(len(positions), positions.shape[1] * 3).tolist(),
            np.asarray(scores, np.float64).round(_SCORE_DECIMALS).tolist(),
            strict=True,
        )
    ]


def write_results(path: Path, results: list[dict[str, Any]]) -> None:
    """Write results as JSON on one line, whole or not at all.

    Raises:
        ValueError: a keypoint or score is not a finite number.
    """
    write_json(path, results, indent=None)

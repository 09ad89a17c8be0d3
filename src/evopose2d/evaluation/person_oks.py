"""How good the prediction of each annotated person is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.coco import CocoFile
from evopose2d.evaluation.oks import labelled_oks


def oks_by_person(
    coco: CocoFile,
    annotation_ids: NDArray[np.integer],
    keypoints: NDArray[np.floating],
    sigmas: Sequence[float],
) -> NDArray[np.float64]:
    """Return the OKS of predictions whose boxes come from annotations, each with its own annotation.

    Args:
        coco: the annotation file.
        annotation_ids: (N,) annotation of each person.
        keypoints: (N, K, 2 or more) predicted positions in image pixels.
        sigmas: K OKS standard deviations.

    Returns:
        (N,) OKS from 0 to 1; NaN where the annotation labels no keypoint or is not in the file.
    """
    count = len(sigmas)
    by_id = {person.annotation_id: person for person in coco.people}
    truth, areas = np.zeros((len(keypoints), count, 3)), np.ones(len(keypoints))
    for row, annotation_id in enumerate(annotation_ids.tolist()):
        if annotation_id in by_id:
            truth[row], areas[row] = by_id[annotation_id].keypoints, by_id[annotation_id].area
    return labelled_oks(keypoints, truth, areas, sigmas)

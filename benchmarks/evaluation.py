"""Evaluation after the forward pass: decoding, rescoring, OKS-NMS, results and AP, beside the original's loops.

Heatmaps come a batch at a time, since those of COCO val are 2.3 GB; the two ways take turns at the same batches.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks import original_evaluation as original
from benchmarks.crowd import STRIDE, Crowd
from evopose2d.data.geometry import keypoints_to_image
from evopose2d.evaluation.coco_ap import evaluate_results
from evopose2d.evaluation.nms import suppress
from evopose2d.evaluation.results import coco_results
from evopose2d.evaluation.scoring import person_scores
from evopose2d.heatmaps import decode, to_crop_pixels
from evopose2d.keypoints import COCO_PERSON

DECODING, TRANSFORM, SCORES, NMS, RESULTS, AP = "decoding", "to image", "scores", "OKS-NMS", "results", "AP"
TOTAL = "all after the forward pass"
_SCORE_THRESHOLD, _NMS_THRESHOLD = 0.2, 0.9
Given = TypeVar("Given")


@dataclass(frozen=True)
class StepSpeed:
    """How long a step of the evaluation takes for all people.

    Attributes:
        step: its name.
        original_s: seconds of the original's loops.
        project_s: seconds here.
        ratio: the one over the other.
    """

    step: str
    original_s: float
    project_s: float
    ratio: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one way of evaluating gives.

    Attributes:
        seconds: by step.
        keypoints: (N, K, 3) x, y in image pixels and score.
        results: in COCO's results format.
        ap: COCO's AP.
    """

    seconds: dict[str, float]
    keypoints: NDArray[np.floating]
    results: list[dict[str, Any]]
    ap: float


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, step: str, call: Callable[[], Given]) -> Given:
        start = time.perf_counter()
        result = call()
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start
        return result


def evaluate_both_ways(crowd: Crowd, batch_size: int) -> tuple[Outcome, Outcome]:
    """Evaluate people as the original does and as this project does.

    Args:
        crowd: the people.
        batch_size: people whose heatmaps are in memory at once.

    Returns:
        The original's outcome and this project's.
    """
    theirs, ours = _Stopwatch(), _Stopwatch()
    fast_decode = tf.function(lambda maps: to_crop_pixels(decode(maps), maps.shape[1:3], STRIDE, "original"))
    their_crops, our_crops = [], []
    compiled: set[int] = set()
    for heatmaps in crowd.heatmaps(batch_size):
        tensor = tf.constant(heatmaps)  # where a network leaves them
        if len(heatmaps) not in compiled:  # traced apart
            fast_decode(tensor)
            compiled.add(len(heatmaps))
        our_crops.append(ours(DECODING, lambda tensor=tensor: fast_decode(tensor).numpy()))  # type: ignore[misc]
        their_crops.append(theirs(DECODING, lambda maps=heatmaps: original.decode(maps, STRIDE)))  # type: ignore[misc]
    return (
        _original_outcome(crowd, np.concatenate(their_crops), theirs),
        _project_outcome(crowd, np.concatenate(our_crops), ours),
    )


def compare_steps(theirs: Outcome, ours: Outcome) -> list[StepSpeed]:
    """Hold the steps of both ways against each other, all of them together last."""
    pairs = [(step, theirs.seconds[step], ours.seconds[step]) for step in theirs.seconds]
    pairs.append((TOTAL, sum(theirs.seconds.values()), sum(ours.seconds.values())))
    return [StepSpeed(step, before, now, before / now) for step, before, now in pairs]


def _original_outcome(crowd: Crowd, crops: NDArray[np.float64], timed: _Stopwatch) -> Outcome:
    keypoints = timed(TRANSFORM, lambda: original.to_image(crops, crowd.matrices))
    boxes = np.ones(len(keypoints))
    scores = timed(SCORES, lambda: original.rescore(keypoints, boxes, _SCORE_THRESHOLD))
    kept = timed(
        NMS,
        lambda: original.suppress(crowd.image_ids, keypoints, scores, crowd.areas, COCO_PERSON.sigmas, _NMS_THRESHOLD),
    )
    results = timed(RESULTS, lambda: original.results_of(crowd.image_ids[kept], keypoints[kept], scores[kept]))
    ap = timed(AP, lambda: original.average_precision(crowd.dataset, results))
    return Outcome(timed.seconds, keypoints, results, ap)


def _project_outcome(crowd: Crowd, crops: NDArray[np.float32], timed: _Stopwatch) -> Outcome:
    keypoints = timed(TRANSFORM, lambda: keypoints_to_image(crops, crowd.matrices))
    boxes = np.ones(len(keypoints))
    scores = timed(SCORES, lambda: person_scores(keypoints[..., 2], boxes, _SCORE_THRESHOLD))
    kept, scores = timed(
        NMS,
        lambda: suppress(
            crowd.image_ids,
            keypoints,
            scores,
            crowd.areas,
            COCO_PERSON.sigmas,
            method="oks",
            threshold=_NMS_THRESHOLD,
        ),
    )
    results = timed(RESULTS, lambda: coco_results(crowd.image_ids[kept], keypoints[kept], scores))
    annotations = crowd.annotations
    ap = timed(AP, lambda: evaluate_results(annotations, results, COCO_PERSON.sigmas).figures["AP"] or 0.0)
    return Outcome(timed.seconds, keypoints, results, ap)

"""Non-maximum suppression of people by OKS: of several predictions of one person, keep the best.

As in Simple Baselines (Xiao et al., arXiv 1804.06208) and HRNet. The soft kind gives the decayed scores to
the people it keeps (Bodla et al., "Soft-NMS", arXiv 1704.04503), where HRNet only orders by them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evopose2d.evaluation.oks import pairwise_oks

METHODS = ("none", "oks", "soft-oks")
# COCO's evaluation reads no more people of an image.
MAX_PEOPLE = 20


def oks_nms(similarity: NDArray[np.floating], scores: NDArray[np.floating], threshold: float) -> NDArray[np.intp]:
    """Keep people that are not too similar to a better one that is kept.

    Args:
        similarity: (N, N) OKS of every two people of one image.
        scores: (N,) scores; of equal scores the earlier person goes first.
        threshold: a person whose OKS with a kept one is greater than this is left out.

    Returns:
        Indices of the kept people, best first.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(int(best))
        order = others[similarity[best, others] <= threshold]
    return np.asarray(kept, np.intp)


def soft_oks_nms(
    similarity: NDArray[np.floating],
    scores: NDArray[np.floating],
    threshold: float,
    max_people: int = MAX_PEOPLE,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Lower the scores of people that are similar to a better one: by ``exp(-OKS^2 / threshold)`` each time.

    Args:
        similarity: (N, N) OKS of every two people of one image.
        scores: (N,) scores of 0 or more.
        threshold: the smaller, the more a similar person loses; 0 takes everything from whoever overlaps.
        max_people: people to keep at most.

    Returns:
        Indices of the kept people and their lowered scores, best first.
    """
    # At 0 the limit of the decay is meant; the smallest float gives it without dividing by zero.
    decay = np.exp(-(np.asarray(similarity, np.float64) ** 2) / max(threshold, np.finfo(np.float64).tiny))
    remaining = np.asarray(scores, np.float64).copy()
    candidates = np.arange(remaining.size)
    kept: list[int] = []
    while candidates.size and len(kept) < max_people:
        position = int(np.argmax(remaining[candidates]))
        best = int(candidates[position])
        kept.append(best)
        candidates = np.delete(candidates, position)
        remaining[candidates] *= decay[best, candidates]
    indices = np.asarray(kept, np.intp)
    return indices, remaining[indices]


def suppress(
    image_ids: NDArray[np.integer],
    keypoints: NDArray[np.floating],
    scores: NDArray[np.floating],
    areas: NDArray[np.floating],
    sigmas: Sequence[float],
    *,
    method: str,
    threshold: float,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Suppress similar people, image by image.

    Args:
        image_ids: (N,) image of each person.
        keypoints: (N, K, 2 or more) predicted positions in image pixels.
        scores: (N,) person scores.
        areas: (N,) areas in square pixels.
        sigmas: K OKS standard deviations.
        method: one of ``METHODS``; ``none`` keeps everybody.
        threshold: of ``oks_nms`` or ``soft_oks_nms``.

    Returns:
        Indices of the kept people, in their given order, and their (for ``soft-oks``, lowered) scores.

    Raises:
        ValueError: ``method`` is unknown.
    """
    if method not in METHODS:
        raise ValueError(f"method: got {method!r}, allowed: {', '.join(METHODS)}")
    new_scores = np.asarray(scores, np.float64).copy()
    if method == "none":
        return np.arange(len(new_scores)), new_scores
    kept = np.zeros(len(new_scores), bool)
    for people in _by_image(image_ids):
        similarity = pairwise_oks(keypoints[people], areas[people], sigmas)
        if method == "oks":
            chosen = oks_nms(similarity, new_scores[people], threshold)
        else:
            chosen, lowered = soft_oks_nms(similarity, new_scores[people], threshold)
            new_scores[people[chosen]] = lowered
        kept[people[chosen]] = True
    indices = np.flatnonzero(kept)
    return indices, new_scores[indices]


def _by_image(image_ids: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    order = np.argsort(image_ids, kind="stable")
    _, starts = np.unique(image_ids[order], return_index=True)
    return np.split(order, starts[1:]) if order.size else []

"""Files in COCO's results format, https://cocodataset.org/#format-results, of any method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.coco import CocoFile, Findings, read_json
from evopose2d.data.coco.values import identity, number, numbers, shown, usable, whole
from evopose2d.errors import DataError

_GROWN = 1.2
"""Size of a person's box over that of the box around the pose, as PoseFix's authors have it."""

_LEAST = 20.0  # pixels of a side of such a box that has none, as theirs
_DECIMALS = 2  # of positions; a hundredth of a pixel is far below what OKS can tell


@dataclass(frozen=True, eq=False)
class Results:
    """The people of a results file whose images an annotation file lists.

    Attributes:
        path: of the results.
        entries: what the file says of each person, N of them.
        image_ids: (N,) int64, as the annotation file has them.
        keypoints: (N, K, 3) float64 x, y in image pixels, and a score or whatever else the method wrote there.
        scores: (N,) float64.
        boxes: (N, 4) float64 x, y, width, height of each person in image pixels: the entry's ``bbox``, or where it has
            none the box around the pose.
    """

    path: Path
    entries: Sequence[Mapping[str, Any]]
    image_ids: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]

    def refined(self, positions: NDArray[np.floating]) -> list[dict[str, Any]]:
        """Return the entries with keypoints at other positions (N, K, 2) in image pixels; all else stays."""
        keypoints = self.keypoints.copy()
        keypoints[..., :2] = np.asarray(positions, np.float64).round(_DECIMALS)
        flat = keypoints.reshape(len(keypoints), -1).tolist()
        return [{**entry, "keypoints": values} for entry, values in zip(self.entries, flat, strict=True)]


@dataclass
class _Read:
    """What was read so far."""

    entries: list[Mapping[str, Any]] = field(default_factory=list)
    image_ids: list[int] = field(default_factory=list)
    keypoints: list[NDArray[np.float64]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)


def read_results(path: Path, annotations: CocoFile, keypoint_count: int) -> Results:
    """Read and check a results file.

    Args:
        path: a JSON list of ``{image_id, category_id, keypoints, score}``; entries may hold more, which is kept.
        annotations: lists the images; entries of other categories than its own are left out.
        keypoint_count: K.

    Raises:
        DataError: it cannot be read, has mistakes (all are told in one line, the first ten of each kind), or nobody.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError(f"{path}: no COCO results file, it must be a JSON list, got {shown(content)}")
    findings, read = Findings(path), _Read()
    category = int(annotations.category["id"])
    for index, entry in enumerate(content):
        _add(entry, f"person {index}", read, findings, annotations, category, keypoint_count)
    findings.raise_mistakes()
    if not read.entries:
        raise DataError(f"{path}: holds nobody of category {category}, must hold a person")
    return Results(
        path,
        read.entries,
        np.array(read.image_ids, np.int64),
        np.stack(read.keypoints),
        np.array(read.scores, np.float64),
        np.stack(read.boxes),
    )


def boxes_around(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the boxes (N, 4) x, y, width, height of people by their poses (N, K, 3), as PoseFix places its crops."""
    low, high = poses[..., :2].min(axis=1), poses[..., :2].max(axis=1)
    extent = np.where(high > low, high - low, _LEAST) * _GROWN
    return np.concatenate([(low + high) / 2 - extent / 2, extent], axis=1)


def _add(
    entry: Any,  # noqa: ANN401 - any JSON value
    place: str,
    read: _Read,
    findings: Findings,
    annotations: CocoFile,
    category: int,
    count: int,
) -> None:
    if not isinstance(entry, Mapping):
        findings.mistake("entry", f"{place}: must be an object, got {shown(entry)}")
        return
    absent = [key for key in ("image_id", "category_id", "keypoints", "score") if key not in entry]
    if absent:
        findings.mistake("missing", f"{place}: {', '.join(absent)} is missing")
        return
    if whole(entry["category_id"]) != category:
        return
    key = identity(entry["image_id"])
    image_id = None if key is None else annotations.image_ids.get(key)
    if image_id is None:
        findings.mistake("image_id", f"{place}: image {shown(entry['image_id'])} is not in {annotations.path}")
    values, score = numbers(entry["keypoints"]), number(entry["score"])
    if values is None or values.shape != (3 * count,) or not usable(values):
        findings.mistake(
            "keypoints",
            f"{place}: keypoints must be {3 * count} finite numbers (x, y, score of {count} keypoints), "
            f"got {_described(values, entry['keypoints'])}",
        )
        return
    if score is None or not np.isfinite(score):
        findings.mistake("score", f"{place}: score must be a finite number, got {shown(entry['score'])}")
        return
    if image_id is not None:
        read.entries.append({**entry, "image_id": image_id})
        read.image_ids.append(image_id)
        keypoints = values.reshape(count, 3)
        read.keypoints.append(keypoints)
        read.boxes.append(_box(entry, keypoints))
        read.scores.append(score)


def _box(entry: Mapping[str, Any], keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the box (4,) that a method looked at; a box around a pose is wrong wherever the pose's outermost are."""
    box = numbers(entry.get("bbox"))
    if box is not None and box.shape == (4,) and usable(box) and (box[2:] > 0).all():
        return box
    return boxes_around(keypoints[np.newaxis])[0]


def _described(values: NDArray[np.float64] | None, received: Any) -> str:  # noqa: ANN401 - any JSON value
    if values is None or values.ndim != 1 or not len(values):
        return shown(received)
    return f"{len(values)} numbers" if np.isfinite(values).all() else f"{len(values)} numbers, one not finite"

"""People of many pictures in common batches, while the pictures pass by in order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evopose2d.prediction.boxes import Boxes, BoxSource
from evopose2d.prediction.estimator import PoseEstimator, Poses
from evopose2d.prediction.sources import Picture


@dataclass(frozen=True, eq=False)
class PosedPicture:
    """A picture with its N people.

    Attributes:
        picture: the picture.
        boxes: where the people were looked for.
        poses: what was found there.
    """

    picture: Picture
    boxes: Boxes
    poses: Poses


class _Waiting(NamedTuple):
    """A picture whose people were not predicted yet."""

    picture: Picture
    boxes: Boxes
    matrices: NDArray[np.float64]


def predict_pictures(
    estimator: PoseEstimator, pictures: Iterable[Picture], boxes_of: BoxSource
) -> Iterator[PosedPicture]:
    """Predict the people of pictures, in their order; as many people as fill a batch are held back at most.

    Args:
        estimator: the network.
        pictures: read one at a time.
        boxes_of: gives the boxes of a picture.
    """
    waiting: list[_Waiting] = []
    crops: list[NDArray[np.uint8]] = []
    for picture in pictures:
        boxes = boxes_of(picture)
        cut, matrices = estimator.crops(picture.pixels, boxes.places)
        waiting.append(_Waiting(picture, boxes, matrices))
        crops.extend(cut)
        # A picture without people counts as one person, or a long video of nobody would fill the memory.
        if len(crops) + sum(not len(item.matrices) for item in waiting) >= estimator.batch_size:
            yield from _predict(estimator, waiting, crops)
            waiting, crops = [], []
    yield from _predict(estimator, waiting, crops)


def _predict(
    estimator: PoseEstimator, waiting: Sequence[_Waiting], crops: Sequence[NDArray[np.uint8]]
) -> Iterator[PosedPicture]:
    found = estimator.predict_crops(np.stack(crops) if crops else np.empty((0, *estimator.input_shape, 3), np.uint8))
    ends = np.cumsum([len(item.matrices) for item in waiting])
    for item, end in zip(waiting, ends, strict=True):
        keypoints = found[end - len(item.matrices) : end]
        yield PosedPicture(item.picture, item.boxes, estimator.poses(keypoints, item.matrices, item.boxes.scores))

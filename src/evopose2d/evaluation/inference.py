"""Poses of all people of a dataset, in the coordinates of their images."""

import itertools
import math
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from evopose2d.data.geometry import keypoints_to_image
from evopose2d.errors import DataError
from evopose2d.evaluation.pictures import CropCollector
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.feeding import Shapes, feed
from evopose2d.progress import progress_bar

Batch = Mapping[str, ArrayLike]
Inputs = tuple[NDArray[Any], ...]
_GIVEN = ("images", "keypoints", "pose")
_KEPT = ("image_id", "annotation_id", "score", "box", "matrix")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of N people, in the order of the dataset.

    Attributes:
        image_id: (N,) int64.
        annotation_id: (N,) int64; of detections, as the dataset numbers them.
        keypoints: (N, K, 3) float32 x, y in image pixels and score.
        crop_keypoints: (N, K, 3) float32 x, y in crop pixels and score.
        box: (N, 4) float32 x, y, width, height in image pixels.
        box_score: (N,) float32; 1 for annotated boxes.
        area: (N,) float64 area of the person's crop in square image pixels, the scale that OKS-NMS takes.
        loss: (N,) float32 masked mean squared error of the heatmaps, 0 for people without labelled keypoints.
        labelled: (N,) bool, whether some keypoint is labelled, so that the loss says something.
    """

    image_id: NDArray[np.int64]
    annotation_id: NDArray[np.int64]
    keypoints: NDArray[np.float32]
    crop_keypoints: NDArray[np.float32]
    box: NDArray[np.float32]
    box_score: NDArray[np.float32]
    area: NDArray[np.float64]
    loss: NDArray[np.float32]
    labelled: NDArray[np.bool_]

    @property
    def val_loss(self) -> float | None:
        """Mean loss over all people, as training's validation computes it; ``None`` if nobody is labelled."""
        return float(self.loss.mean(dtype=np.float64)) if self.labelled.any() else None


@dataclass
class _Pass:
    """One pass over a dataset: gives the network its inputs and keeps what the network does not need.

    Ids (int64) and matrices (float64) stay here, because they would lose digits on a device.
    """

    batches: Iterator[Batch]
    people: int
    steps: int
    collector: CropCollector | None
    bar: tqdm
    first: Mapping[str, NDArray[Any]]
    seen: int = 0
    crop_area: int = 0
    kept: dict[str, list[NDArray[Any]]] = field(default_factory=lambda: {name: [] for name in _KEPT})
    labelled: list[NDArray[Any]] = field(default_factory=list)

    @property
    def shapes(self) -> Shapes:
        return [(values.shape, str(values.dtype)) for values in self.first.values()]

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Inputs]:
        return (self._take() for _ in range(self.steps))

    def _take(self) -> Inputs:
        """Take the next batch; the first one again where the dataset ended too early, which is told at the end."""
        batch = next(self.batches, None)
        if batch is None:
            return tuple(self.first.values())
        arrays = {name: np.asarray(value) for name, value in batch.items()}
        self.bar.update(self._keep(arrays))
        return tuple(arrays[name] for name in self.first)

    def _keep(self, arrays: Mapping[str, NDArray[Any]]) -> int:
        count = min(len(arrays["images"]), self.people - self.seen)
        self.crop_area = arrays["images"].shape[1] * arrays["images"].shape[2]
        for name in _KEPT:
            self.kept[name].append(arrays[name][:count])
        self.labelled.append(np.any(arrays["keypoints"][:count, :, 2] > 0, axis=1))
        if self.collector is not None:
            self.collector.offer(arrays["images"][:count], arrays["keypoints"][:count])
        self.seen += count
        return count


def predict_people(
    predictor: PosePredictor,
    dataset: Iterable[Batch],
    people: int,
    *,
    collector: CropCollector | None = None,
    progress: bool = False,
    description: str = "validate",
) -> Predictions:
    """Predict every person once; what pads the last batch beyond the last person is left out.

    Args:
        predictor: the network with decoding.
        dataset: batches of one size: ``images`` (B, H, W, 3) uint8, ``keypoints`` (B, K, 3) in crop pixels,
            ``matrix`` (B, 2, 3) image to crop, ``box`` (B, 4) and, all (B,), ``image_id``, ``annotation_id``,
            ``score``; for a network that refines poses also ``pose`` (B, K, 3).
        people: N, number of people in the dataset without padding, at least 1.
        collector: picks crops for pictures as they pass.
        progress: show how far it has come.
        description: of the work, in a word.

    Raises:
        DataError: the dataset holds fewer than ``people``.
    """
    batches = _each(dataset)
    first = next(batches, None)
    if first is None:
        raise DataError(f"{description}: the dataset holds nobody, must hold {people} people")
    steps = math.ceil(people / len(np.asarray(first["score"])))
    with progress_bar(description, people, unit="crop", shown=progress) as bar:
        inputs = {name: np.asarray(first[name]) for name in _GIVEN if name in first}
        passing = _Pass(itertools.chain([first], batches), people, steps, collector, bar, inputs)
        fed = feed(passing, lambda *arrays: (dict(zip(inputs, arrays, strict=True)),))
        outputs = predictor.predict(fed, steps=steps, verbose=0)
    batches.close()
    if passing.seen < people:
        raise DataError(f"{description}: the dataset ends after {passing.seen} people, must hold {people}")
    kept = {name: np.concatenate(parts) for name, parts in passing.kept.items()}
    crop_keypoints = np.asarray(outputs["keypoints"][:people])
    linear = np.asarray(kept["matrix"][..., :2], np.float64)
    return Predictions(
        image_id=kept["image_id"],
        annotation_id=kept["annotation_id"],
        keypoints=keypoints_to_image(crop_keypoints, kept["matrix"]),
        crop_keypoints=crop_keypoints,
        box=kept["box"],
        box_score=kept["score"],
        area=passing.crop_area / np.abs(np.linalg.det(linear)),
        loss=np.asarray(outputs["loss"][:people]),
        labelled=np.concatenate(passing.labelled),
    )


def _each(dataset: Iterable[Batch]) -> Generator[Batch, None, None]:
    """Iterate such that closing it lets go of what loads the dataset, which what has been fed goes on to refer to."""
    yield from dataset

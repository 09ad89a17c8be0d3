"""Decoded crops of all people of a set of records, at hand in memory or in a file.

What training sees of a person is constant but for the mirroring where nothing else is varied (``flip_only``): then
each crop is cut once, and an epoch's batches are gathered from arrays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evopose2d.data.arrays import aligned


@dataclass(frozen=True, eq=False)
class TrainingCrops:
    """What training may see of N people in the order of their records: each as it is, and mirrored.

    A mirrored crop is the warp of a mirrored matrix, which takes crop pixel x to W - x: read backwards, the columns
    1 to W of a crop that is one column wider. The few pixels that the warp rounds to another grey level are kept
    beside, so that what is gathered is what the warp gives.

    Attributes:
        crops: (N, H, W + 1, 3) uint8 RGB, in memory or in a file.
        keypoints: (2, N, K, 3) float32 x, y in crop pixels and visibility: as they are, and mirrored.
        record_people: (R,) int64, people in each record.
        patch_ends: (N + 1,) int64; the mirrored person ``n`` has the patches ``patch_ends[n]:patch_ends[n + 1]``.
        patch_places: (P,) int32, index into the H * W * 3 values of a mirrored crop.
        patch_values: (P,) uint8, the value there.
    """

    crops: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    record_people: NDArray[np.int64]
    patch_ends: NDArray[np.int64]
    patch_places: NDArray[np.int32]
    patch_values: NDArray[np.uint8]

    def gather(
        self, people: NDArray[np.int64], mirrored: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the crops and keypoints of a batch.

        Args:
            people: (B,) places in the order of the records.
            mirrored: (B,) whether each of them is mirrored.

        Returns:
            Images (B, H, W, 3) uint8 and keypoints (B, K, 3) float32.
        """
        _, height, wider, channels = self.crops.shape
        images = aligned((len(people), height, wider - 1, channels))
        for image, person, mirror in zip(images, people.tolist(), mirrored.tolist(), strict=True):
            if mirror:
                cv2.flip(self.crops[person, :, 1:], 1, dst=image)
                patches = slice(*self.patch_ends[person : person + 2])
                image.reshape(-1)[self.patch_places[patches]] = self.patch_values[patches]
            else:
                image[...] = self.crops[person, :, :-1]
        return images, self.keypoints[mirrored.astype(np.int64), people]


@dataclass(frozen=True, eq=False)
class EvaluationCrops:
    """What an evaluation needs of N people in the order of their records.

    Attributes:
        values: what ``evaluation_dataset`` gives of them, one array a name: ``images`` (N, H, W, 3) uint8, ...
    """

    values: Mapping[str, NDArray[Any]]

    def batches(self, batch_size: int) -> "EvaluationBatches":
        """Return the batches of ``evaluation_dataset``, as often as they are iterated over."""
        return EvaluationBatches(self.values, batch_size)


@dataclass(frozen=True, eq=False)
class EvaluationBatches:
    """Batches of arrays, the last filled by repeating the last person.

    Attributes:
        values: arrays of N people by name.
        batch_size: people in a batch.
    """

    values: Mapping[str, NDArray[Any]]
    batch_size: int

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        people = len(self.values["images"])
        for start in range(0, people, self.batch_size):
            end = start + self.batch_size
            missing = max(end - people, 0)
            yield {
                name: np.concatenate([array[start:], np.repeat(array[-1:], missing, axis=0)])
                if missing
                else array[start:end]
                for name, array in self.values.items()
            }


def mirroring_patches(
    wider: NDArray[np.uint8], mirrored: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Compare a crop read backwards with its mirrored warp.

    Args:
        wider: (H, W + 1, 3) uint8, the crop with one more column.
        mirrored: (H, W, 3) uint8, the warp of the mirrored matrix.

    Returns:
        Places (P,) int32 among the values of ``mirrored`` at which they differ, and its values (P,) uint8 there.
    """
    places = np.flatnonzero(wider[:, :0:-1] != mirrored).astype(np.int32)
    return places, mirrored.reshape(-1)[places]

"""Which people to show: the same ones for every network, spread over the dataset."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CropSample:
    """Some of a dataset's people, P of them.

    Attributes:
        rows: (P,) position of each in the dataset, ascending.
        crops: (P, H, W, 3) uint8 RGB.
        keypoints: (P, K, 3) float32 annotated keypoints in crop pixels, visibility 0/1/2.
    """

    rows: NDArray[np.int64]
    crops: NDArray[np.uint8]
    keypoints: NDArray[np.float32]


@dataclass
class CropCollector:
    """Picks crops while a dataset streams by: of each of ``count`` equal stretches the first suitable person.

    What is picked depends on the dataset alone, so pictures of different networks can be compared.

    Attributes:
        count: number of people wanted.
        people: N, number of people in the dataset.
        labelled: labelled keypoints that a person needs; 0 where boxes come from detections.
    """

    count: int
    people: int
    labelled: int
    _seen: int = field(default=0, init=False)
    _rows: list[int] = field(default_factory=list, init=False)
    _crops: list[NDArray[np.uint8]] = field(default_factory=list, init=False)
    _keypoints: list[NDArray[np.float32]] = field(default_factory=list, init=False)

    def offer(self, crops: NDArray[np.uint8], keypoints: NDArray[np.float32]) -> None:
        """Look at the next people of the dataset.

        Args:
            crops: (B, H, W, 3) uint8 RGB.
            keypoints: (B, K, 3) annotated keypoints in crop pixels.
        """
        suitable = (keypoints[..., 2] > 0).sum(axis=-1) >= self.labelled
        for position in np.flatnonzero(suitable):
            row = self._seen + int(position)
            if len(self._rows) < self.count and row >= len(self._rows) * self.people // self.count:
                self._rows.append(row)
                # Copies: a view would keep its whole batch in memory.
                self._crops.append(crops[position].copy())
                self._keypoints.append(keypoints[position].copy())
        self._seen += len(crops)

    def sample(self) -> CropSample | None:
        """Return what was picked, fewer people than wanted where few were suitable; ``None`` for nobody."""
        if not self._rows:
            return None
        return CropSample(np.array(self._rows, np.int64), np.stack(self._crops), np.stack(self._keypoints))

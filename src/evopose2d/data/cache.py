"""The crops that a process keeps at hand, within a budget of memory."""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.arrays import aligned, in_file
from evopose2d.data.augmentation import flip_only
from evopose2d.data.crops import EvaluationCrops, TrainingCrops, mirroring_patches
from evopose2d.data.geometry import InputShape
from evopose2d.data.pipeline import constant_crops_dataset, evaluation_dataset
from evopose2d.data.shards import RecordsInfo

logger = logging.getLogger(__name__)

_BATCH = 64
_DISK_LEFT = 1 << 30  # bytes of a disk that crops never take


@dataclass(frozen=True)
class _Kept:
    key: Hashable
    crops: Any
    memory: int


class CropCache:
    """Crops of the people that are trained on, and of those that are judged; one set of each.

    The crops are cut when they are first asked for, and given to whoever asks for the same again. What does not fit
    the budget goes to a file without a name in ``folder``, and where the disk has no room for it either, nothing is
    kept: the caller reads the records, as without a cache. What comes out is the same in all three cases.

    Args:
        megabytes: memory (10^6 bytes) that the crops of both sets may take together; 0 keeps nothing anywhere.
        folder: for what exceeds it; None: where the system keeps temporary files.
    """

    def __init__(self, megabytes: int, folder: Path | None = None) -> None:
        self._budget = megabytes * 10**6
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._training: _Kept | None = None
        self._evaluation: _Kept | None = None

    def training(
        self, records: RecordsInfo, input_shape: InputShape, augmentation: AugmentationConfig
    ) -> TrainingCrops | None:
        """Return the crops to train on, cut if need be; None where they vary, or where there is no room for them."""
        if not flip_only(augmentation):
            return None
        key = (_identity(records), input_shape)
        if self._training is None or self._training.key != key:
            self._training = None  # its memory is free for what follows
            height, width = input_shape
            self._training = self._cut(
                key,
                (records.people, height, width + 1, 3),
                lambda array: _training_crops(records, input_shape, array),
                taken=0 if self._evaluation is None else self._evaluation.memory,
                what=f"{records.folder}: {records.people} training crops",
            )
        return None if self._training is None else self._training.crops

    def evaluation(
        self, records: RecordsInfo, input_shape: InputShape, *, centred: bool = False
    ) -> EvaluationCrops | None:
        """Return the crops to judge on, cut if need be; None where there is no room for them."""
        key = (_identity(records), input_shape, centred)
        if self._evaluation is None or self._evaluation.key != key:
            self._evaluation = None
            self._evaluation = self._cut(
                key,
                (records.people, *input_shape, 3),
                lambda array: _evaluation_crops(records, input_shape, centred, array),
                taken=0 if self._training is None else self._training.memory,
                what=f"{records.folder}: {records.people} crops",
            )
        return None if self._evaluation is None else self._evaluation.crops

    def _cut(
        self,
        key: Hashable,
        shape: tuple[int, ...],
        cut: Callable[[NDArray[np.uint8]], Any],
        *,
        taken: int,
        what: str,
    ) -> _Kept | None:
        size = int(np.prod(shape))
        in_memory = size <= self._budget - taken
        array = aligned(shape) if in_memory else self._array_in_file(shape, size, what)
        if array is None:
            return None
        started = time.perf_counter()
        crops = cut(array)
        place = "memory" if in_memory else f"a file in {self._folder}"
        logger.info("%s kept in %s, %.0f MB, in %.1f s", what, place, size / 1e6, time.perf_counter() - started)
        return _Kept(key, crops, size if in_memory else 0)

    def _array_in_file(self, shape: tuple[int, ...], size: int, what: str) -> NDArray[np.uint8] | None:
        """Return room on the disk; None where there is none."""
        if self._budget == 0:
            return None
        try:
            if shutil.disk_usage(self._folder).free - size >= _DISK_LEFT:
                return in_file(shape, self._folder)
            reason = "its disk is too full"
        except OSError as error:
            reason = str(error.strerror)
        logger.warning("%s are cut anew each time: %.0f MB, %s: %s", what, size / 1e6, self._folder, reason)
        return None


def _training_crops(records: RecordsInfo, input_shape: InputShape, array: NDArray[np.uint8]) -> TrainingCrops:
    keypoints = np.empty((2, records.people, records.schema.count, 3), np.float32)
    places: list[NDArray[np.int32]] = []
    values: list[NDArray[np.uint8]] = []
    start = 0
    batches = constant_crops_dataset(records, input_shape, batch_size=_BATCH)
    for batch in batches:
        count = min(_BATCH, records.people - start)
        end = start + count
        array[start:end] = batch["wider"][:count]
        keypoints[:, start:end] = batch["keypoints"][:count], batch["mirrored_keypoints"][:count]
        for wider, mirrored in zip(array[start:end], batch["mirrored"], strict=False):
            place, value = mirroring_patches(wider, mirrored)
            places.append(place)
            values.append(value)
        start = end
    ends = np.cumsum([0, *(len(place) for place in places)], dtype=np.int64)
    patches = (ends, np.concatenate(places), np.concatenate(values))
    return TrainingCrops(array, keypoints, batches.job.index.counts, *patches)


def _evaluation_crops(
    records: RecordsInfo, input_shape: InputShape, centred: bool, array: NDArray[np.uint8]
) -> EvaluationCrops:
    rest: dict[str, list[NDArray[Any]]] = {}
    start = 0
    for batch in evaluation_dataset(records, input_shape, batch_size=_BATCH, centred=centred):
        count = min(_BATCH, records.people - start)
        array[start : start + count] = batch.pop("images")[:count]
        for name, part in batch.items():
            rest.setdefault(name, []).append(part[:count])
        start += count
    return EvaluationCrops({"images": array} | {name: np.concatenate(parts) for name, parts in rest.items()})


def _identity(records: RecordsInfo) -> Hashable:
    """Tell sets of records apart; records that were written anew at the same place are others."""
    files = [file.stat() for file in records.files]
    return str(records.folder), records.people, tuple((file.st_size, file.st_mtime_ns) for file in files)

"""From records to batches: uint8 crops and keypoints. The rest is computed on the device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.augmentation import drawn_flips
from evopose2d.data.cropping import CONSTANT, EVALUATION, TRAINING, Job
from evopose2d.data.crops import TrainingCrops
from evopose2d.data.epochs import training_epoch
from evopose2d.data.geometry import InputShape
from evopose2d.data.loading import Batches
from evopose2d.data.record_index import RecordIndex, index_files
from evopose2d.data.shards import RecordsInfo
from evopose2d.errors import ConfigError
from evopose2d.feeding import Shapes

Batch = tuple[NDArray[Any], ...]


def steps_per_epoch(records: RecordsInfo, batch_size: int) -> int:
    """Return the number of batches in which everybody is seen at least once."""
    return -(-records.people // batch_size)


@dataclass(frozen=True, eq=False)
class TrainingBatches:
    """The batches of some epochs of training, one after the other, to be iterated over.

    Each epoch has ``steps_per_epoch`` full batches: everybody once, then the epoch's first crops again until the last
    batch is full. People of one image stand apart. An epoch depends on ``seed``, its number and ``batch_size``, so that
    starting at a later one gives the batches of an unbroken run.

    They are pairs of images (B, H, W, 3) uint8 RGB and keypoints (B, K, 3) float32: x, y in crop pixels and
    visibility, which is 0 outside the crop. With ``pose_errors`` the pose that is to be refined, (B, K, 3) float32,
    stands between them: x, y in crop pixels, and 1 for a keypoint that is given.

    Attributes:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        augmentation: how crops are varied.
        batch_size: people in a batch, B.
        seed: of order and augmentation.
        epochs: numbers of the epochs, counted from 0.
        crops: these people's crops of this shape, where they are at hand and mirroring is all that changes them; the
            batches are the same, and the records are not read.
        processes: how many load; None: one a core, or none for few people.
        pose_errors: how often keypoints are wrong in the pose that is given (``cropping.Job``); None: none is.
    """

    records: RecordsInfo
    input_shape: InputShape
    augmentation: AugmentationConfig
    batch_size: int
    seed: int
    epochs: range
    crops: TrainingCrops | None = None
    processes: int | None = None
    pose_errors: float | None = None

    def __post_init__(self) -> None:
        self.records.check_covered(self.input_shape, self.augmentation)
        if self.pose_errors is not None and self.records.crops is not None:
            raise ConfigError(
                f"write_tfrecords.content: got crops ({self.records.folder}), must be images to train a network that "
                "refines poses: keypoints are taken for those of other people in the image"
            )

    @property
    def shapes(self) -> Shapes:
        """Shape and dtype of each array of a batch."""
        images = ((self.batch_size, *self.input_shape, 3), "uint8")
        points = ((self.batch_size, self.records.schema.count, 3), "float32")
        return (images, points) if self.pose_errors is None else (images, points, points)

    def __len__(self) -> int:
        return len(self.epochs) * steps_per_epoch(self.records, self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self._cut() if self.crops is None else self._gathered(self.crops)

    def _cut(self) -> Iterator[Batch]:
        job = Job(
            TRAINING,
            _index(self.records),
            self.records.schema,
            fast_dct=self.records.crops is None,
            input_shape=self.input_shape,
            batch_size=self.batch_size,
            seed=self.seed,
            augmentation=self.augmentation,
            pose_errors=self.pose_errors,
        )
        for batch in Batches(job, self.epochs, self.processes):
            yield tuple(batch[name] for name in ("images", "pose", "keypoints") if name in batch)

    def _gathered(self, crops: TrainingCrops) -> Iterator[Batch]:
        for number in self.epochs:
            epoch = training_epoch(crops.record_people, self.seed, number, self.batch_size)
            mirrored = drawn_flips(self.augmentation, epoch.drawn)
            for people in epoch.people.reshape(-1, self.batch_size):
                yield crops.gather(people, mirrored[people])


def evaluation_dataset(
    records: RecordsInfo,
    input_shape: InputShape,
    *,
    batch_size: int,
    centred: bool = False,
    processes: int | None = None,
    pose_errors: float | None = None,
) -> Batches:
    """Return everybody in the order of the records, in batches of one size.

    The last batch is filled by repeating the last person: results beyond ``records.people`` are to be cut.

    Args:
        records: the people to evaluate on.
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch, B.
        centred: place crops by the centres of their outer pixels (``geometry.crop_matrices``).
        processes: how many load; None: one a core, or none for few people.
        pose_errors: how often keypoints are wrong in the pose that is given (``cropping.Job``), the same each time;
            None: none is.

    Returns:
        Dictionaries of ``images`` (B, H, W, 3) uint8 RGB; ``keypoints`` (B, K, 3) float32 x, y in crop pixels
        and visibility, which is 0 outside the crop; with ``pose_errors`` ``pose`` (B, K, 3) float32 x, y in crop
        pixels, and 1 for a keypoint that is given; ``matrix`` (B, 2, 3) float64, image to crop pixels;
        ``image_id`` and ``annotation_id`` (B,) int64; ``score`` (B,) float32 of the box; ``box`` (B, 4)
        float32 x, y, width, height in image pixels.

    Raises:
        ConfigError: the records do not cover the crops.
        DataError: the records are damaged.
    """
    records.check_covered(input_shape)
    job = _ordered(EVALUATION, records, input_shape, batch_size, centred=centred, pose_errors=pose_errors)
    return Batches(job, processes=processes)


def constant_crops_dataset(records: RecordsInfo, input_shape: InputShape, *, batch_size: int) -> Batches:
    """Return what training may see of everybody in the order of the records, where mirroring is all that changes.

    Args:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch, B; the last is filled by repeating the last person.

    Returns:
        Dictionaries of ``wider`` (B, H, W + 1, 3) uint8 RGB, the crop with one more column at its right; ``mirrored``
        (B, H, W, 3) uint8, the mirrored crop; ``keypoints`` and ``mirrored_keypoints`` (B, K, 3) float32 x, y in crop
        pixels and visibility, which is 0 outside the crop.
    """
    records.check_covered(input_shape)
    return Batches(_ordered(CONSTANT, records, input_shape, batch_size))


def _ordered(kind: str, records: RecordsInfo, input_shape: InputShape, batch_size: int, **settings: Any) -> Job:  # noqa: ANN401
    fast_dct = records.crops is None
    return Job(kind, _index(records), records.schema, fast_dct, input_shape, batch_size, **settings)


def _index(records: RecordsInfo) -> RecordIndex:
    return index_files(records.files, records.people)

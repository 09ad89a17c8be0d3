"""From records to batches, with tf.data: uint8 crops and keypoints. The rest is computed on the device."""

from collections.abc import Callable, Iterable
from functools import partial

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.augmentation import Augmentation, augment, draw, drawn_augmentation, drawn_flips
from evopose2d.data.crops import TrainingCrops
from evopose2d.data.cutting import Boxes, Keypoints, Matrices, calls_at_once, cut_people, in_chunks
from evopose2d.data.epochs import contents_of_records, ordered_epochs, places_of_records, taking_turns
from evopose2d.data.feeding import fed
from evopose2d.data.geometry import InputShape, crop_matrices, mask_outside, transform_keypoints
from evopose2d.data.records import parse
from evopose2d.data.shards import RecordsInfo

_TURN = 2
"""Records whose people take turns, for each person of a batch: more take memory, fewer leave alike people closer."""

Ordered = Callable[..., tf.data.Dataset]
Load = Callable[..., tuple[tf.Tensor, tf.Tensor]]


def steps_per_epoch(records: RecordsInfo, batch_size: int) -> int:
    """Return the number of batches in which everybody is seen at least once."""
    return -(-records.people // batch_size)


def training_dataset(
    records: RecordsInfo,
    input_shape: InputShape,
    augmentation: AugmentationConfig,
    *,
    batch_size: int,
    seed: int,
    epochs: int,
    first_epoch: int = 0,
    shuffle_buffer: int,
    crops: TrainingCrops | None = None,
) -> tf.data.Dataset:
    """Give the batches of some epochs, one after the other.

    Each epoch has ``steps_per_epoch`` full batches: everybody once, then the epoch's first crops again until the last
    batch is full. People of one image stand apart. An epoch depends on ``seed``, its number and ``batch_size``, so that
    starting at a later one gives the batches of an unbroken run.

    Args:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        augmentation: how crops are varied.
        batch_size: people in a batch, B.
        seed: of order and augmentation.
        epochs: epoch at which to stop.
        first_epoch: epoch to begin with, counted from 0.
        shuffle_buffer: records held for shuffling; their files are shuffled besides.
        crops: these people's crops of this shape, where they are at hand and mirroring is all that changes them; the
            batches are the same, and the records are not read.

    Returns:
        Pairs of images (B, H, W, 3) uint8 RGB and keypoints (B, K, 3) float32: x, y in crop pixels and
        visibility, which is 0 outside the crop.
    """
    records.check_covered(input_shape, augmentation)
    _leave_threads_to_tf_data()
    ordered = partial(
        ordered_epochs, records, seed=seed, first_epoch=first_epoch, epochs=epochs, shuffle_buffer=shuffle_buffer
    )
    steps = steps_per_epoch(records, batch_size)
    if crops is not None:
        people = _batches_at_hand(crops, augmentation, seed, ordered, steps, batch_size)
        gather = partial(_gather, crops, input_shape)
        batches = people.map(gather, num_parallel_calls=calls_at_once(), deterministic=True)
    else:
        load = partial(_load_training, records, input_shape, augmentation, seed)
        batches_of = _batches_of_images if records.crops is None else _batches_of_crops
        batches = batches_of(records, ordered, load, steps, batch_size)
    return fed(batches)


def evaluation_dataset(
    records: RecordsInfo, input_shape: InputShape, *, batch_size: int, centred: bool = False
) -> tf.data.Dataset:
    """Give everybody in the order of the records, in batches of one size.

    The last batch is filled by repeating the last person: results beyond ``records.people`` are to be cut.

    Args:
        records: the people to evaluate on.
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch, B.
        centred: place crops by the centres of their outer pixels (``geometry.crop_matrices``).

    Returns:
        Dictionaries of ``images`` (B, H, W, 3) uint8 RGB; ``keypoints`` (B, K, 3) float32 x, y in crop pixels
        and visibility, which is 0 outside the crop; ``matrix`` (B, 2, 3) float64, image to crop pixels;
        ``image_id`` and ``annotation_id`` (B,) int64; ``score`` (B,) float32 of the box; ``box`` (B, 4)
        float32 x, y, width, height in image pixels.
    """
    records.check_covered(input_shape)
    _leave_threads_to_tf_data()
    people = tf.data.TFRecordDataset([str(file) for file in records.files])
    loaded = in_chunks(records, people, partial(_load_evaluation, records, input_shape, centred), batch_size)
    return fed(loaded.map(partial(_filled, batch_size)))


def cuttings_dataset(records: RecordsInfo, input_shape: InputShape, *, batch_size: int) -> tf.data.Dataset:
    """Give what training may see of everybody in the order of the records, where mirroring is all that changes.

    Args:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch, B; the last has fewer.

    Returns:
        Dictionaries of ``record`` (B,) int64, whose each is, counted from 0 over all files; ``shard`` (B,) int64, the
        file; ``wider`` (B, H, W + 1, 3) uint8 RGB, the crop with
        one more column at its right; ``mirrored`` (B, H, W, 3) uint8, the mirrored crop; ``keypoints`` and
        ``mirrored_keypoints`` (B, K, 3) float32 x, y in crop pixels and visibility, which is 0 outside the crop.
    """
    records.check_covered(input_shape)
    _leave_threads_to_tf_data()
    files = tf.data.Dataset.from_tensor_slices([str(file) for file in records.files]).enumerate()
    contents = files.flat_map(lambda shard, file: tf.data.TFRecordDataset(file).map(lambda record: (shard, record)))
    numbered = contents.enumerate().map(lambda number, content: (number, *content))
    loaded = in_chunks(records, numbered, partial(_load_cuttings, records, input_shape), batch_size)
    return fed(loaded)


def _leave_threads_to_tf_data() -> None:
    # tf.data runs as many crops at once as there are cores; threads inside each would only get in the way.
    cv2.setNumThreads(1)


def _batches_at_hand(
    crops: TrainingCrops,
    augmentation: AugmentationConfig,
    seed: int,
    ordered: Ordered,
    steps: int,
    batch_size: int,
) -> tf.data.Dataset:
    """Give batches (B, 2) int64: of each person, the place in the order of the records, and 1 where it is mirrored."""

    def in_turns(
        epochs: NDArray[np.int64], numbers: NDArray[np.int64], records: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        counts = crops.record_people[records]
        before = np.cumsum(counts) - counts
        places = np.repeat(crops.first_people[records] - before, counts) + np.arange(counts.sum())
        mirrored = drawn_flips(augmentation, _drawn(seed, epochs, numbers, counts.tolist()))
        return np.column_stack([places, mirrored])[taking_turns(counts)]

    def turns(*of_records: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(in_turns, of_records, tf.int64, stateful=False), (None, 2))

    def epoch_of(once: tf.data.Dataset) -> tf.data.Dataset:
        return once.batch(_TURN * batch_size).map(turns).repeat().rebatch(batch_size, drop_remainder=True).take(steps)

    return ordered(places_of_records(crops.shard_records), epoch_of)


def _batches_of_images(
    records: RecordsInfo, ordered: Ordered, load: Load, steps: int, batch_size: int
) -> tf.data.Dataset:
    def turns(images: tf.RaggedTensor, keypoints: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        order = tf.numpy_function(taking_turns, [images.row_lengths()], tf.int64, stateful=False)
        order = tf.ensure_shape(order, (None,))
        return tf.gather(images.values, order), tf.gather(keypoints.values, order)

    def epoch_of(once: tf.data.Dataset) -> tf.data.Dataset:
        loaded = once.map(load, num_parallel_calls=calls_at_once(), deterministic=True).prefetch(batch_size)
        return (
            loaded.ragged_batch(_TURN * batch_size)
            .map(turns)
            .repeat()
            .rebatch(batch_size, drop_remainder=True)
            .take(steps)
        )

    return ordered(contents_of_records(records), epoch_of)


def _batches_of_crops(
    records: RecordsInfo, ordered: Ordered, load: Load, steps: int, batch_size: int
) -> tf.data.Dataset:
    people = ordered(contents_of_records(records), lambda once: once.repeat().take(steps * batch_size))
    return in_chunks(records, people, load, batch_size, drop_remainder=True)


def _load_training(
    records: RecordsInfo,
    input_shape: InputShape,
    config: AugmentationConfig,
    seed: int,
    epochs: tf.Tensor,
    numbers: tf.Tensor,
    encoded: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    def place(
        boxes: Boxes, keypoints: Keypoints, epochs: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> tuple[Matrices, Keypoints]:
        drawn = _drawn(seed, epochs, numbers, [len(boxes) // len(numbers)] * len(numbers))
        change = drawn_augmentation(config, drawn)
        return augment(boxes, keypoints, input_shape, change, records.schema, config.half_body_keypoints)

    people = parse(encoded, records.schema.count)
    of_records = (tf.reshape(epochs, [-1]), tf.reshape(numbers, [-1]))
    images, keypoints, _ = cut_people(records, people, input_shape, place, *of_records)
    return images, keypoints


def _drawn(
    seed: int, epochs: NDArray[np.int64], numbers: NDArray[np.int64], counts: Iterable[int]
) -> NDArray[np.float64]:
    """Draw for the people of some records, which have a generator each; gives (P, 6)."""
    of_records = zip(epochs.tolist(), numbers.tolist(), counts, strict=True)
    return np.concatenate(
        [draw(np.random.default_rng([seed, epoch, number]), count) for epoch, number, count in of_records]
    )


def _gather(crops: TrainingCrops, input_shape: InputShape, people: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    def gather(people: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        return crops.gather(people[:, 0], people[:, 1] > 0)

    images, keypoints = tf.numpy_function(gather, [people], (tf.uint8, tf.float32), stateful=False)
    batch_size = people.shape[0]
    return (
        tf.ensure_shape(images, (batch_size, *input_shape, 3)),
        tf.ensure_shape(keypoints, (batch_size, *crops.keypoints.shape[2:])),
    )


def _load_cuttings(
    records: RecordsInfo, input_shape: InputShape, numbers: tf.Tensor, shards: tf.Tensor, encoded: tf.Tensor
) -> dict[str, tf.Tensor]:
    def place(flip: bool, boxes: Boxes, keypoints: Keypoints) -> tuple[Matrices, Keypoints]:
        return augment(boxes, keypoints, input_shape, Augmentation(flip=flip), records.schema, 1)

    people = parse(encoded, records.schema.count)
    count = tf.shape(people["score"])
    wider = (input_shape[0], input_shape[1] + 1)
    images, keypoints, _ = cut_people(records, people, wider, partial(place, False))
    mirrored, mirrored_keypoints, _ = cut_people(records, people, input_shape, partial(place, True))
    return {
        "record": tf.broadcast_to(numbers, count),
        "shard": tf.broadcast_to(shards, count),
        "wider": images,
        "keypoints": keypoints,
        "mirrored": mirrored,
        "mirrored_keypoints": mirrored_keypoints,
    }


def _load_evaluation(
    records: RecordsInfo, input_shape: InputShape, centred: bool, encoded: tf.Tensor
) -> dict[str, tf.Tensor]:
    def place(boxes: Boxes, keypoints: Keypoints) -> tuple[Matrices, Keypoints]:
        matrices = crop_matrices(boxes, input_shape, centred=centred)
        return matrices, mask_outside(transform_keypoints(keypoints, matrices), input_shape)

    people = parse(encoded, records.schema.count)
    images, keypoints, matrices = cut_people(records, people, input_shape, place)
    kept = {name: people[name] for name in ("image_id", "annotation_id", "box", "score")}
    return kept | {"images": images, "keypoints": keypoints, "matrix": matrices}


def _filled(batch_size: int, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Repeat the last entry of a batch until it has ``batch_size`` of them."""

    def fill(values: tf.Tensor) -> tf.Tensor:
        missing = batch_size - tf.shape(values)[0]
        filled = tf.concat([values, tf.repeat(values[-1:], missing, axis=0)], axis=0)
        return tf.ensure_shape(filled, (batch_size, *values.shape[1:]))

    return {name: fill(values) for name, values in batch.items()}

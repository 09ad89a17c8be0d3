"""From records to batches, with tf.data: uint8 crops and keypoints. The rest is computed on the device."""

from functools import partial

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.augmentation import Augmentation, augment, draw_augmentation, draw_flip
from evopose2d.data.crops import TrainingCrops
from evopose2d.data.cutting import Box, Keypoints, Matrix, cut_people, in_chunks
from evopose2d.data.epochs import epochs_of_places, epochs_of_records, ordered_people
from evopose2d.data.geometry import InputShape, crop_matrices, mask_outside, transform_keypoints
from evopose2d.data.records import parse
from evopose2d.data.shards import RecordsInfo


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
    """Give the batches of some epochs, one after the other without a pause.

    Each epoch has ``steps_per_epoch`` full batches: everybody once, then the epoch's first people again until
    the last batch is full. What stands at a position of an epoch depends on ``seed``, epoch and position
    alone, so that starting at a later epoch gives the batches of an unbroken run.

    Args:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        augmentation: how crops are varied.
        batch_size: people in a batch, B.
        seed: of order and augmentation.
        epochs: epoch at which to stop.
        first_epoch: epoch to begin with, counted from 0.
        shuffle_buffer: encoded people held for shuffling; record files are shuffled besides.
        crops: these people's crops of this shape, where they are at hand and mirroring is all that changes them; the
            batches are the same, and the records are not read.

    Returns:
        Pairs of images (B, H, W, 3) uint8 RGB and keypoints (B, K, 3) float32: x, y in crop pixels and
        visibility, which is 0 outside the crop.
    """
    records.check_covered(input_shape, augmentation)
    _leave_threads_to_tf_data()
    ordered = ordered_people(
        records,
        epochs_of_records(records) if crops is None else epochs_of_places(crops.shard_people),
        seed=seed,
        first_epoch=first_epoch,
        epochs=epochs,
        length=steps_per_epoch(records, batch_size) * batch_size,
        shuffle_buffer=shuffle_buffer,
    )
    if crops is None:
        load = partial(_load_training, records, input_shape, augmentation, seed)
        batches = in_chunks(records, ordered, load, batch_size, whole=True)
    else:
        gather = partial(_gather, crops, input_shape, augmentation, seed)
        places = ordered.batch(batch_size, drop_remainder=True)
        batches = places.map(gather, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


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
    batches = in_chunks(
        records, people, partial(_load_evaluation, records, input_shape, centred), batch_size, whole=False
    )
    return batches.map(partial(_filled, batch_size)).prefetch(tf.data.AUTOTUNE)


def cuttings_dataset(records: RecordsInfo, input_shape: InputShape, *, batch_size: int) -> tf.data.Dataset:
    """Give what training may see of everybody in the order of the records, where mirroring is all that changes.

    Args:
        records: the training people.
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch, B; the last has fewer.

    Returns:
        Dictionaries of ``shard`` (B,) int64, the record file; ``wider`` (B, H, W + 1, 3) uint8 RGB, the crop with
        one more column at its right; ``mirrored`` (B, H, W, 3) uint8, the mirrored crop; ``keypoints`` and
        ``mirrored_keypoints`` (B, K, 3) float32 x, y in crop pixels and visibility, which is 0 outside the crop.
    """
    records.check_covered(input_shape)
    _leave_threads_to_tf_data()
    files = tf.data.Dataset.from_tensor_slices([str(file) for file in records.files]).enumerate()
    people = files.flat_map(lambda shard, file: tf.data.TFRecordDataset(file).map(lambda record: (shard, record)))
    batches = in_chunks(records, people, partial(_load_cuttings, records, input_shape), batch_size, whole=False)
    return batches.prefetch(tf.data.AUTOTUNE)


def _leave_threads_to_tf_data() -> None:
    # tf.data runs as many crops at once as there are cores; threads inside each would only get in the way.
    cv2.setNumThreads(1)


def _load_training(
    records: RecordsInfo,
    input_shape: InputShape,
    config: AugmentationConfig,
    seed: int,
    epochs: tf.Tensor,
    positions: tf.Tensor,
    encoded: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    def place(box: Box, keypoints: Keypoints, epoch: int, position: int) -> tuple[Matrix, Keypoints]:
        drawn = draw_augmentation(config, np.random.default_rng([seed, epoch, position]))
        return augment(box, keypoints, input_shape, drawn, records.schema, config.half_body_keypoints)

    people = parse(encoded, records.schema.count)
    images, keypoints, _ = cut_people(records, people, input_shape, place, epochs, positions)
    return images, keypoints


def _gather(
    crops: TrainingCrops,
    input_shape: InputShape,
    config: AugmentationConfig,
    seed: int,
    epochs: tf.Tensor,
    positions: tf.Tensor,
    people: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    def gather(
        epochs: NDArray[np.int64], positions: NDArray[np.int64], people: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        drawn = (
            draw_flip(config, np.random.default_rng([seed, epoch, position]))
            for epoch, position in zip(epochs.tolist(), positions.tolist(), strict=True)
        )
        return crops.gather(people, np.fromiter(drawn, np.bool_, len(people)))

    images, keypoints = tf.numpy_function(gather, [epochs, positions, people], (tf.uint8, tf.float32), stateful=False)
    batch_size = people.shape[0]
    return (
        tf.ensure_shape(images, (batch_size, *input_shape, 3)),
        tf.ensure_shape(keypoints, (batch_size, *crops.keypoints.shape[2:])),
    )


def _load_cuttings(
    records: RecordsInfo, input_shape: InputShape, shards: tf.Tensor, encoded: tf.Tensor
) -> dict[str, tf.Tensor]:
    def place(flip: bool, box: Box, keypoints: Keypoints) -> tuple[Matrix, Keypoints]:
        return augment(box, keypoints, input_shape, Augmentation(flip=flip), records.schema, 1)

    people = parse(encoded, records.schema.count)
    wider = (input_shape[0], input_shape[1] + 1)
    images, keypoints, _ = cut_people(records, people, wider, partial(place, False))
    mirrored, mirrored_keypoints, _ = cut_people(records, people, input_shape, partial(place, True))
    return {
        "shard": shards,
        "wider": images,
        "keypoints": keypoints,
        "mirrored": mirrored,
        "mirrored_keypoints": mirrored_keypoints,
    }


def _load_evaluation(
    records: RecordsInfo, input_shape: InputShape, centred: bool, encoded: tf.Tensor
) -> dict[str, tf.Tensor]:
    def place(box: Box, keypoints: Keypoints) -> tuple[Matrix, Keypoints]:
        matrix = crop_matrices(box, input_shape, centred=centred)
        return matrix, mask_outside(transform_keypoints(keypoints, matrix), input_shape)

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

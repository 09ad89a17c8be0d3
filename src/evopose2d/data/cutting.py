"""From parsed records to crops: where Python, OpenCV and TensorFlow's JPEG decoder take turns."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.data.crops import aligned
from evopose2d.data.geometry import InputShape, crop, crop_windows, shifted
from evopose2d.data.records import DCT_METHOD
from evopose2d.data.shards import RecordsInfo
from evopose2d.data.surroundings import cut_part

_CHUNK = 16  # people that are loaded at a time

Boxes = NDArray[np.float32]
Keypoints = NDArray[np.float32]
Matrices = NDArray[np.float64]
Place = Callable[..., tuple[Matrices, Keypoints]]


def cut_people(
    records: RecordsInfo, people: dict[str, tf.Tensor], input_shape: InputShape, place: Place, *more: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cut the crops of some people.

    Args:
        records: whose records they are.
        people: what ``parse`` gives, of P people; of one record where records hold whole images.
        input_shape: height H and width W of a crop in pixels.
        place: gives the crops' matrices (P, 2, 3) float64 and keypoints (P, K, 3) float32, from boxes (P, 4), keypoints
            and ``more``.
        more: tensors that ``place`` is given as arrays.

    Returns:
        Images (P, H, W, 3) uint8, keypoints (P, K, 3) float32 and matrices (P, 2, 3) float64.
    """
    cut = _cut_whole if records.crops is None else _cut_parts
    images, keypoints, matrices = cut(people, input_shape, place, [people["box"], people["keypoints"], *more])
    count = people["box"].shape[0]
    return (
        tf.ensure_shape(images, (count, *input_shape, 3)),
        tf.ensure_shape(keypoints, (count, records.schema.count, 3)),
        tf.ensure_shape(matrices, (count, 2, 3)),
    )


def _cut_parts(
    people: dict[str, tf.Tensor], input_shape: InputShape, place: Place, given: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Cut crops out of parts of images, all in one call of Python: a call costs more than what is between two."""

    def cut(
        encoded: NDArray[np.object_], placements: NDArray[np.float32], *given: NDArray[Any]
    ) -> tuple[NDArray[np.uint8], Keypoints, Matrices]:
        matrices, keypoints = place(*given)
        images = aligned((len(encoded), *input_shape, 3))
        for part, placement, matrix, image in zip(encoded, placements, matrices, images, strict=True):
            cut_part(part, placement, matrix, image)
        return images, keypoints, matrices

    outputs = (tf.uint8, tf.float32, tf.float64)
    return tf.numpy_function(cut, [people["image"], people["placement"], *given], outputs, stateful=False)


def _cut_whole(
    people: dict[str, tf.Tensor], input_shape: InputShape, place: Place, given: list[tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cut the crops of a whole image's people, decoded once; of a JPEG, decode what the crops show alone."""
    encoded = people["image"]
    is_jpeg = tf.io.is_jpeg(encoded)

    def place_in(
        image_shape: NDArray[np.int32], *given: NDArray[Any]
    ) -> tuple[Keypoints, Matrices, NDArray[np.int32], NDArray[np.int32]]:
        matrices, keypoints = place(*given)
        windows = np.zeros((len(matrices), 4), np.int32)
        if image_shape.any():
            windows = crop_windows(matrices, image_shape, input_shape)
        first = windows[:, :2].min(axis=0)
        part = np.concatenate([first, (windows[:, :2] + windows[:, 2:]).max(axis=0) - first])
        return keypoints, matrices, windows, part

    def warp(pixels: NDArray[np.uint8], matrices: Matrices, windows: NDArray[np.int32]) -> NDArray[np.uint8]:
        images = aligned((len(matrices), *input_shape, 3))
        moved = shifted(matrices, windows[:, 1::-1])
        parts = windows - [*windows[:, :2].min(axis=0), 0, 0]
        for image, matrix, (y, x, height, width) in zip(images, moved, parts.tolist(), strict=True):
            crop(pixels[y : y + height, x : x + width] if height else pixels, matrix, input_shape, image)
        return images

    # Only a JPEG tells its size without being decoded, and can be decoded in part.
    shape = tf.cond(is_jpeg, lambda: tf.io.extract_jpeg_shape(encoded), lambda: tf.zeros(3, tf.int32))
    outputs = (tf.float32, tf.float64, tf.int32, tf.int32)
    keypoints, matrices, windows, part = tf.numpy_function(place_in, [shape, *given], outputs, stateful=False)
    pixels = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_and_crop_jpeg(encoded, part, channels=3, dct_method=DCT_METHOD),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    images = tf.numpy_function(warp, [pixels, matrices, windows], tf.uint8, stateful=False)
    return images, keypoints, matrices


def calls_at_once() -> int:
    """Return how many records are loaded at a time: one a core."""
    return os.cpu_count() or 1


def in_chunks(
    records: RecordsInfo,
    ordered: tf.data.Dataset,
    load: Callable[..., Any],
    batch_size: int,
    *,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Load records some at a time and give batches of their people.

    Crops are so little work that they share the costs of a call, few enough of them that all cores have some. Whole
    images, which several people share, are loaded one by one.

    Args:
        records: whose records they are.
        ordered: tuples of scalars.
        load: is given them; of crops, vectors of several.
        batch_size: people in a batch.
        drop_remainder: leave out a last batch that is not full.
    """
    chunk = 0 if records.crops is None else min(batch_size, _CHUNK)
    full = chunk == batch_size
    if chunk:
        ordered = ordered.batch(chunk, drop_remainder=full and drop_remainder)
    loaded = ordered.map(load, num_parallel_calls=calls_at_once(), deterministic=True)
    return loaded if full else loaded.rebatch(batch_size, drop_remainder=drop_remainder)

"""From parsed records to crops: where Python, OpenCV and TensorFlow's JPEG decoder take turns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.data.crops import aligned
from evopose2d.data.geometry import InputShape, crop, crop_window, shifted
from evopose2d.data.records import DCT_METHOD
from evopose2d.data.shards import RecordsInfo
from evopose2d.data.surroundings import cut_part

_CHUNK = 16  # people that are loaded at a time

Box = NDArray[np.float32]
Keypoints = NDArray[np.float32]
Matrix = NDArray[np.float64]
Place = Callable[..., tuple[Matrix, Keypoints]]


def cut_people(
    records: RecordsInfo, people: dict[str, tf.Tensor], input_shape: InputShape, place: Place, *more: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cut the crops of some people.

    Args:
        records: whose records they are.
        people: what ``parse`` gives, of P people; one where records hold whole images.
        input_shape: height H and width W of a crop in pixels.
        place: gives a person's matrix (2, 3) and keypoints (K, 3), from box, keypoints and what ``more`` holds.
        more: tensors (P, ...) of which ``place`` is given each person's.

    Returns:
        Images (P, H, W, 3) uint8, keypoints (P, K, 3) float32 and matrices (P, 2, 3) float64.
    """
    cut = _cut_whole if records.crops is None else _cut_parts
    images, keypoints, matrices = cut(people, input_shape, place, [people["box"], people["keypoints"], *more])
    count = people["image"].shape[0]
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
    ) -> tuple[NDArray[np.uint8], Keypoints, Matrix]:
        images = aligned((len(encoded), *input_shape, 3))
        matrices = np.empty((len(encoded), 2, 3))
        keypoints = np.empty_like(given[1])
        for index, of_person in enumerate(zip(*given, strict=True)):
            matrices[index], keypoints[index] = place(*of_person)
            cut_part(encoded[index], placements[index], matrices[index], images[index])
        return images, keypoints, matrices

    outputs = (tf.uint8, tf.float32, tf.float64)
    return tf.numpy_function(cut, [people["image"], people["placement"], *given], outputs, stateful=False)


def _cut_whole(
    people: dict[str, tf.Tensor], input_shape: InputShape, place: Place, given: list[tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cut one person's crop out of a whole image; of a JPEG, decode what the crop shows alone."""
    encoded = people["image"][0]
    is_jpeg = tf.io.is_jpeg(encoded)

    def place_in(
        image_shape: NDArray[np.int32], *given: NDArray[Any]
    ) -> tuple[Keypoints, Matrix, Matrix, NDArray[np.int32]]:
        matrix, keypoints = place(*(values[0] for values in given))
        if not image_shape.any():
            return keypoints[np.newaxis], matrix[np.newaxis], matrix, np.zeros(4, np.int32)
        window = crop_window(matrix, image_shape, input_shape)
        return keypoints[np.newaxis], matrix[np.newaxis], shifted(matrix, window[1::-1]), window

    def warp(pixels: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
        return crop(pixels, matrix, input_shape)[np.newaxis]

    # Only a JPEG tells its size without being decoded, and can be decoded in part.
    shape = tf.cond(is_jpeg, lambda: tf.io.extract_jpeg_shape(encoded), lambda: tf.zeros(3, tf.int32))
    outputs = (tf.float32, tf.float64, tf.float64, tf.int32)
    keypoints, matrices, matrix, window = tf.numpy_function(place_in, [shape, *given], outputs, stateful=False)
    pixels = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_and_crop_jpeg(encoded, window, channels=3, dct_method=DCT_METHOD),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    return tf.numpy_function(warp, [pixels, matrix], tf.uint8, stateful=False), keypoints, matrices


def in_chunks(
    records: RecordsInfo, people: tf.data.Dataset, load: Callable[..., Any], batch_size: int, *, whole: bool
) -> tf.data.Dataset:
    """Load people some at a time and give batches; a last one that is not full is left out where they are to be whole.

    Crops are so little work that people share the costs of a call, few enough of them that all cores have some. Whole
    images are loaded one by one.
    """
    chunk = 1 if records.crops is None else min(batch_size, _CHUNK)
    chunks = people.batch(chunk, drop_remainder=chunk == 1 or (whole and chunk == batch_size)).map(
        load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return chunks if chunk == batch_size else chunks.rebatch(batch_size, drop_remainder=whole)

"""The input pipeline of the original project, as a baseline: its order of operations, float32, host-side targets.

Files are read ten at a time and 10,000 encoded images are held for shuffling. One parallel map parses and decodes each
person's whole image, the next normalises it in float32, mirrors it whole where a flip is drawn, and warps it; a third
draws the target heatmaps of a batch. All of it is TensorFlow, so it runs on all cores without Python.
"""

import tensorflow as tf

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.geometry import CROP_MARGIN, InputShape
from evopose2d.data.shards import RecordsInfo
from evopose2d.heatmaps import PEAK

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
_STRIDE = 4  # crop pixels for one heatmap pixel
_SIGMA = 2.0  # in pixels of a heatmap 64 high
_SIGMA_HEIGHT = 64
_SHUFFLED = 10_000  # records
_FILES_AT_ONCE = 10


def original_dataset(
    records: RecordsInfo, input_shape: InputShape, augmentation: AugmentationConfig, *, batch_size: int, seed: int
) -> tf.data.Dataset:
    """Return batches without end, half-body crops left out.

    Args:
        records: the training people, each with a whole image in a record of its own.
        input_shape: height H and width W of a crop in pixels.
        augmentation: how crops are varied.
        batch_size: people in a batch, B.
        seed: of order and augmentation.

    Returns:
        Images (B, H, W, 3) float32, normalised; target heatmaps (B, H / 4, W / 4, K) float32 with peaks of 255; mask
        (B, K) float32, 1 for labelled keypoints inside the crop.
    """

    def load(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        person = _parse(record, records.schema.count)
        return _decode(person["image"]), person["box"], person["keypoints"]

    def vary(number: tf.Tensor, person: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        change = _draw(augmentation, tf.stack([tf.cast(seed, tf.int64), number]))
        permutation = records.schema.flip_permutation
        return original_sample(*person, *change, input_shape=input_shape, flip_permutation=permutation)

    def targets(images: tf.Tensor, keypoints: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return images, *_targets(keypoints, input_shape)

    return (
        tf.data.Dataset.from_tensor_slices([str(file) for file in records.files])
        .shuffle(records.shards, seed=seed)
        .interleave(tf.data.TFRecordDataset, _FILES_AT_ONCE, block_length=1, num_parallel_calls=tf.data.AUTOTUNE)
        .shuffle(_SHUFFLED, seed=seed)
        .repeat()
        .map(load, num_parallel_calls=tf.data.AUTOTUNE)
        .enumerate()
        .map(lambda number, person: vary(number, person), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
        .map(targets, num_parallel_calls=tf.data.AUTOTUNE)
    )


def original_sample(
    pixels: tf.Tensor,
    box: tf.Tensor,
    keypoints: tf.Tensor,
    scale: tf.Tensor,
    rotation: tf.Tensor,
    flip: tf.Tensor,
    *,
    input_shape: InputShape,
    flip_permutation: tuple[int, ...],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Make one person's crop in the original's order.

    Args:
        pixels: (any height, any width, 3) uint8, the whole image.
        box: (4,) float32 x, y, width, height in image pixels.
        keypoints: (K, 3) float32 x, y in image pixels and visibility.
        scale: scalar float32, factor of the image area's side that the crop shows.
        rotation: scalar float32, degrees that the picture turns clockwise.
        flip: scalar bool, whether it is mirrored.
        input_shape: height H and width W of a crop in pixels.
        flip_permutation: for each keypoint, the one that it becomes in a mirror.

    Returns:
        Image (H, W, 3) float32, normalised, 0 outside the image, and keypoints (K, 3) float32 x, y in crop pixels and
        visibility, which is 0 outside the crop.
    """
    height, width = input_shape
    image = (tf.cast(pixels, tf.float32) - 255.0 * tf.constant(MEAN)) / 255.0 / tf.constant(DEVIATION)
    centre, visible = box[:2] + box[2:] / 2, keypoints[:, 2]
    places = keypoints[:, :2]
    last = tf.cast(tf.shape(image)[1] - 1, tf.float32)

    def mirrored() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        turned = tf.gather(tf.stack([last - places[:, 0], places[:, 1]], axis=1), flip_permutation)
        moved = tf.stack([last - centre[0], centre[1]])
        # Not by tf.reverse, which takes a tenth of the time: the original slices, and pays for it.
        return image[:, ::-1], moved, turned, tf.gather(visible, flip_permutation)

    image, centre, places, visible = tf.cond(flip, mirrored, lambda: (image, centre, places, visible))
    pixel = tf.maximum(box[3] / height, box[2] / width) * CROP_MARGIN * scale
    angle = rotation * (3.141592653589793 / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle = tf.constant([width / 2, height / 2], tf.float32)
    to_image = tf.stack([tf.stack([cosine, sine]), tf.stack([-sine, cosine])]) * pixel
    offset = centre - tf.linalg.matvec(to_image, middle)
    rows = tf.concat([to_image, offset[:, None]], axis=1)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.concat([tf.reshape(rows, [6]), [0.0, 0.0]], axis=0)[None],
        output_shape=tf.constant([height, width]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[0]
    x, y = tf.unstack(tf.linalg.matvec(tf.linalg.inv(to_image), places - centre) + middle, axis=1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    moved = tf.stack([x, y, visible * tf.cast(inside, tf.float32)], axis=1)
    return tf.ensure_shape(warped, (height, width, 3)), moved


def decoded_dataset(records: RecordsInfo) -> tf.data.Dataset:
    """Decode each record's whole image and do nothing else, without end; gives the number of bytes."""

    def load(record: tf.Tensor) -> tf.Tensor:
        image = tf.io.parse_single_example(record, {"image": tf.io.FixedLenFeature([], tf.string)})["image"]
        return tf.size(_decode(image))

    return (
        tf.data.TFRecordDataset([str(file) for file in records.files])
        .repeat()
        .map(load, num_parallel_calls=tf.data.AUTOTUNE)
    )


def _draw(config: AugmentationConfig, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    normal = tf.random.stateless_normal([2], seed)
    chance = tf.random.stateless_uniform([2], seed + 1)
    scale = tf.clip_by_value(1 + config.scale * normal[0], 1 - config.scale, 1 + config.scale)
    turned = tf.clip_by_value(config.rotation * normal[1], -2 * config.rotation, 2 * config.rotation)
    rotation = tf.where(chance[0] < config.rotation_probability, turned, 0.0)
    return scale, rotation, chance[1] < config.flip_probability


def _parse(record: tf.Tensor, keypoint_count: int) -> dict[str, tf.Tensor]:
    """Parse a record of one person."""
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "box": tf.io.FixedLenFeature([4], tf.float32),
        "keypoints": tf.io.FixedLenFeature([keypoint_count, 3], tf.float32),
    }
    return tf.io.parse_single_example(record, features)


def _decode(image: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_FAST")


def _targets(keypoints: tf.Tensor, input_shape: InputShape) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw heatmaps (B, h, w, K) of keypoints (B, K, 3), each pixel by its distance as the original does."""
    height, width = input_shape[0] // _STRIDE, input_shape[1] // _STRIDE
    deviation = _SIGMA * height / _SIGMA_HEIGHT
    columns, rows = tf.meshgrid(tf.range(width, dtype=tf.float32), tf.range(height, dtype=tf.float32))
    centres = tf.floor(keypoints[..., :2] / _STRIDE + 0.5)[:, tf.newaxis, tf.newaxis]
    across = ((columns[..., tf.newaxis] - centres[..., 0]) / deviation) ** 2
    down = ((rows[..., tf.newaxis] - centres[..., 1]) / deviation) ** 2
    mask = tf.cast(keypoints[..., 2] > 0, tf.float32)
    return PEAK * tf.exp(-across / 2 - down / 2), mask

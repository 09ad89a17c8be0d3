import keras
import numpy as np
import pytest
from keras import ops

from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.networks.pose_heatmaps import PoseHeatmaps

STRIDE = 4
HEIGHT, WIDTH = 64, 48
# Keypoints 0 and 1 mirror each other, keypoint 2 itself.
FLIP = (1, 0, 2)


class Lookup(keras.Model):
    """A network whose heatmaps are channels of the picture itself, a pixel of each 4 x 4."""

    def call(self, images, training=None):
        assert training is False
        return ops.cast(images, "float32")[:, ::STRIDE, ::STRIDE, :]


def keypoints_at(*points):
    return np.array([[[x, y, v] for x, y, v in points]], np.float32)


def picture_with_peaks(*pixels):
    """Return an image that ``Lookup`` turns into heatmaps with one peak each, at (x, y) of the heatmap."""
    image = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    for channel, (x, y) in enumerate(pixels):
        image[0, y * STRIDE, x * STRIDE, channel] = 204
        image[0, y * STRIDE, (x + 1) * STRIDE, channel] = 100
    return image


def predictor_of(network, flip_test=False):
    return PosePredictor(network, FLIP, Decoding(flip_test=flip_test), sigma=2.0, stride=STRIDE)


def test_peaks_become_keypoints_in_crop_pixels():
    image = picture_with_peaks((3, 5), (6, 9), (0, 0))

    outputs = predictor_of(Lookup()).predict({"images": image, "keypoints": np.zeros((1, 3, 3), np.float32)}, verbose=0)

    # A quarter heatmap pixel to the right, where the neighbour is higher; none at the border.
    assert outputs["keypoints"][0] == pytest.approx(np.array([[13.0, 20.0, 0.8], [25.0, 36.0, 0.8], [0.0, 0.0, 0.8]]))
    assert outputs["keypoints"].dtype == np.float32


def test_the_loss_is_the_masked_mean_squared_error():
    images = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    labelled = keypoints_at((20, 24, 2), (24, 40, 1), (10, 10, 0))
    keypoints = np.concatenate([labelled, np.zeros_like(labelled)])

    outputs = predictor_of(Lookup()).predict({"images": images, "keypoints": keypoints}, verbose=0)

    rows, columns = np.mgrid[: HEIGHT // STRIDE, : WIDTH // STRIDE]
    sigma = 2.0 * (HEIGHT // STRIDE) / 64
    squared = [
        (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))) ** 2 for x, y in ((5, 6), (6, 10))
    ]
    assert outputs["loss"] == pytest.approx([np.sum(squared) / (rows.size * 3), 0.0], rel=1e-5)


def test_the_flip_test_asks_for_the_mirrored_picture_and_leaves_the_loss():
    image = picture_with_peaks((3, 5), (6, 9), (5, 2))
    inputs = {"images": image, "keypoints": keypoints_at((12, 20, 2), (24, 36, 2), (20, 8, 2))}

    plain = predictor_of(Lookup()).predict(inputs, verbose=0)
    flipped = predictor_of(Lookup(), flip_test=True).predict(inputs, verbose=0)

    assert flipped["loss"] == pytest.approx(plain["loss"])
    # By hand: flip the sampled mirror back, exchange channels 0 and 1, shift right by one, average.
    heatmaps = image[0, ::STRIDE, ::STRIDE].astype(float)
    back = image[0, :, ::-1][::STRIDE, ::STRIDE][:, ::-1][..., list(FLIP)]
    mean = (heatmaps + np.concatenate([back[:, :1], back[:, :-1]], axis=1)) / 2
    for channel in range(3):
        y, x = np.unravel_index(mean[..., channel].argmax(), mean.shape[:2])
        assert abs(flipped["keypoints"][0, channel, 0] / STRIDE - x) <= 0.25
        assert abs(flipped["keypoints"][0, channel, 1] / STRIDE - y) <= 0.25
        assert flipped["keypoints"][0, channel, 2] == pytest.approx(mean[..., channel].max() / 255)


class Redrawn(keras.Model):
    """A network that gives back the pose that it is to refine."""

    def call(self, given, training=None):
        images, pose = given
        assert images.shape[1:] == (HEIGHT, WIDTH, 3)
        shape = (HEIGHT // STRIDE, WIDTH // STRIDE)
        return 255 * PoseHeatmaps(shape, 1.0, dtype="float32")(pose / ops.array([STRIDE, STRIDE, 1.0]))


@pytest.mark.parametrize("flip_test", [False, True])
def test_a_pose_is_mirrored_with_its_picture(flip_test):
    pose = keypoints_at((12, 20, 1), (24, 36, 1), (20, 8, 1))
    decoding = Decoding(flip_test=flip_test, method="dark", coordinates="exact")
    predictor = PosePredictor(Redrawn(), FLIP, decoding, sigma=4.0, stride=STRIDE)
    inputs = {"images": picture_with_peaks((3, 5), (6, 9), (5, 2)), "keypoints": pose * 0, "pose": pose}

    found = predictor.predict(inputs, verbose=0)["keypoints"]

    np.testing.assert_allclose(found[..., :2], pose[..., :2], atol=0.1)


def test_a_network_of_bfloat16_gives_keypoints_of_float32():
    class Half(keras.Model):
        def call(self, images, training=None):
            return ops.cast(images, "bfloat16")[:, ::STRIDE, ::STRIDE, :]

    image = picture_with_peaks((3, 5), (6, 9), (4, 4))

    outputs = predictor_of(Half()).predict({"images": image, "keypoints": np.zeros((1, 3, 3), np.float32)}, verbose=0)

    assert outputs["keypoints"].dtype == np.float32
    assert outputs["keypoints"][0, 0, :2] == pytest.approx([13.0, 20.0])

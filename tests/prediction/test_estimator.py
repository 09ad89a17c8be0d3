import subprocess
import sys

import numpy as np
import pytest
from tests.prediction.conftest import INPUT_SHAPE, colour_model, picture_of

import evopose2d
from evopose2d.data.geometry import crop, crop_matrices
from evopose2d.errors import ConfigError, DataError, WeightsError
from evopose2d.prediction.estimator import PoseEstimator

LEFT = [(60, 50), (40, 120), (80, 125)]
RIGHT = [(230, 80), (210, 150), (250, 140)]
BOXES = [(20, 20, 80, 140), (190, 40, 90, 150)]
_TOLERANCE = 4.5  # image pixels: about one heatmap pixel of the crops here is 11


def test_the_people_of_an_image_are_found_in_image_pixels(estimator):
    keypoints, scores = estimator(picture_of([LEFT, RIGHT]), BOXES)

    assert (keypoints.shape, scores.shape) == ((2, 3, 3), (2,))
    assert (keypoints.dtype, scores.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(keypoints[..., :2], [LEFT, RIGHT], atol=_TOLERANCE)
    np.testing.assert_allclose(keypoints[..., 2], 250 / 255, atol=0.15)
    np.testing.assert_allclose(scores, keypoints[..., 2].mean(axis=1), rtol=1e-6)


def test_images_share_batches_and_get_what_each_gets_alone(estimator):
    pictures = [picture_of([LEFT]), picture_of([LEFT, RIGHT], (260, 300)), picture_of([])]
    boxes = [BOXES[:1], [*BOXES, *BOXES], []]
    together = estimator.predict(pictures, boxes, [[0.5], None, None])

    assert [len(poses.scores) for poses in together] == [1, 4, 0]
    assert together[2].keypoints.shape == (0, 3, 3)
    for picture, given, poses in zip(pictures[1:], boxes[1:], together[1:], strict=True):
        np.testing.assert_allclose(poses.keypoints, estimator(picture, given).keypoints, atol=1e-4)
    np.testing.assert_allclose(together[0].scores * 2, estimator(pictures[0], BOXES[:1]).scores, rtol=1e-6)


@pytest.mark.parametrize(("coordinates", "centred"), [("original", False), ("exact", False), ("udp", True)])
def test_crops_are_placed_as_the_coordinates_say(coordinates, centred):
    estimator = PoseEstimator(colour_model(), coordinates=coordinates)
    image = picture_of([LEFT])

    (cut,), matrices = estimator.crops(image, BOXES[:1])

    np.testing.assert_array_equal(matrices, crop_matrices(np.array(BOXES[:1], float), INPUT_SHAPE, centred=centred))
    np.testing.assert_array_equal(cut, crop(image, matrices[0], INPUT_SHAPE))


def test_who_fills_a_batch_up_takes_nobodys_place(estimator):
    crops, _ = estimator.crops(picture_of([LEFT, RIGHT]), [*BOXES, (60, 30, 200, 160)])

    together = estimator.predict_crops(crops)

    np.testing.assert_array_equal(together, np.concatenate([estimator.predict_crops(each[None]) for each in crops]))


def test_without_boxes_the_image_is_one_person(estimator):
    image = picture_of([LEFT])

    whole, given = estimator(image), estimator(image, [[0, 0, 320, 240]])

    np.testing.assert_array_equal(whole.keypoints, given.keypoints)


def test_the_flip_test_exchanges_sides():
    flipping = PoseEstimator(colour_model(), flip_test=True, decoding="dark", coordinates="exact")
    # A network of colours knows no sides: what it takes for the left hand in a mirror comes back as the right one,
    # so that each hand is seen in both places, half as sure.
    image = picture_of([[(160, 40), (130, 90), (190, 90)]])

    (keypoints,), _ = flipping(image, [[110, 0, 100, 130]])

    np.testing.assert_allclose(keypoints[0, :2], [160, 40], atol=_TOLERANCE)
    np.testing.assert_allclose(keypoints[1:, 2], keypoints[0, 2] / 2, atol=0.1)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8), "photo.jpg"])
def test_an_image_must_be_uint8_rgb(estimator, image):
    with pytest.raises(DataError, match="must be uint8 RGB"):
        estimator(image)


@pytest.mark.parametrize("boxes", [[1, 2, 3, 4], [[1, 2, 3]], [[0, 0, 0, 5]], [[0, 0, np.nan, 5]]])
def test_boxes_must_be_boxes(estimator, boxes):
    with pytest.raises(DataError, match="boxes: got"):
        estimator(picture_of([]), boxes)


def test_box_scores_must_be_as_many_as_boxes(estimator):
    with pytest.raises(DataError, match="box scores"):
        estimator(picture_of([LEFT]), BOXES, [0.5])


def test_mistakes_in_construction_are_told(tmp_path):
    with pytest.raises(WeightsError, match="no trained network"):
        PoseEstimator(tmp_path)
    with pytest.raises(ConfigError, match="decoding"):
        PoseEstimator(tmp_path, decoding="quarter")


@pytest.mark.slow
def test_three_lines_on_a_saved_network(model_folder):
    estimator = evopose2d.PoseEstimator(model_folder)
    keypoints, scores = estimator(picture_of([LEFT]), BOXES)
    assert (keypoints.shape, scores.shape) == ((2, 3, 3), (2,))


def test_importing_the_package_stays_light():
    code = (
        "import sys, evopose2d; heavy = [n for n in ('keras', 'tensorflow', 'cv2', 'numpy') if n in sys.modules]\n"
        "assert not heavy, heavy\nassert 'PoseEstimator' in evopose2d.__all__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="PoseEstimater"):
        evopose2d.PoseEstimater  # noqa: B018

import numpy as np
import pytest

from evopose2d.keypoints import COCO_PERSON, KeypointSchema
from evopose2d.visualization.poses import (
    PREDICTED,
    TRUE,
    draw_prediction,
    draw_truth,
    keypoint_sides,
)

# A left and a right limb from a centre, and a limb between both sides.
SCHEMA = KeypointSchema(
    names=("tail", "left_fin", "right_fin"),
    skeleton=((1, 2), (0, 0)),
    flip_permutation=(0, 2, 1),
    sigmas=(0.05,) * 3,
    upper_body=(),
)
BACKGROUND = (90, 100, 110)


def blank(height=120, width=100):
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def colours_of(image):
    return {tuple(colour) for colour in np.unique(image.reshape(-1, 3), axis=0).tolist()}


def changed(image):
    return (image != blank(*image.shape[:2])).any(axis=-1)


def test_sides_of_coco():
    sides = keypoint_sides(COCO_PERSON)

    assert sides[0] == "centre"
    assert all(side == name.split("_")[0] for side, name in zip(sides[1:], COCO_PERSON.names[1:], strict=True))


def test_without_names_the_first_of_a_pair_is_left():
    schema = KeypointSchema(("a", "b", "c"), (), (2, 1, 0), (0.05,) * 3, ())

    assert keypoint_sides(schema) == ("left", "centre", "right")


def test_the_right_side_may_come_first():
    schema = KeypointSchema(("right_a", "a_left"), (), (1, 0), (0.05,) * 2, ())

    assert keypoint_sides(schema) == ("right", "left")


def test_keypoints_and_limbs_have_their_sides_colours():
    keypoints = np.array([[50, 100, 1], [20, 20, 1], [80, 20, 1]], float)

    image = draw_prediction(blank(), keypoints, SCHEMA, size=300)

    assert tuple(image[100, 50]) == PREDICTED.centre
    assert tuple(image[20, 20]) == PREDICTED.left
    assert tuple(image[20, 80]) == PREDICTED.right
    assert tuple(image[20, 50]) == PREDICTED.centre
    assert tuple(image[60, 35]) == BACKGROUND


def test_the_given_image_stays_as_it_was():
    image = blank()
    keypoints = np.array([[50, 100, 1], [20, 20, 1], [80, 20, 1]], float)

    for drawn in (
        draw_prediction(image, keypoints, SCHEMA),
        draw_truth(image, keypoints, SCHEMA),
    ):
        assert (image == blank()).all()
        assert changed(drawn).any()
        assert drawn.dtype == np.uint8


def test_keypoints_below_the_threshold_vanish_with_their_limbs():
    keypoints = np.array([[50, 100, 0.9], [20, 20, 0.9], [80, 20, 0.29]], float)

    image = draw_prediction(blank(), keypoints, SCHEMA, size=300, threshold=0.3)

    assert not changed(image)[:, 40:][:60].any()
    assert changed(image)[20, 20]


def test_a_surer_keypoint_is_more_opaque():
    def distance(score):
        keypoints = np.array([[50, 60, score], [0, 0, 0], [0, 0, 0]], float)
        pixel = draw_prediction(blank(), keypoints, SCHEMA, size=300)[60, 50].astype(float)
        return np.abs(pixel - PREDICTED.centre).sum()

    assert distance(0.3) > distance(0.6) > distance(0.9) > distance(1.0) == 0.0
    # Network scores are not clipped.
    assert distance(1.2) == 0.0


def test_unlabelled_truth_is_not_drawn_and_hidden_truth_is_paler():
    image = draw_truth(blank(), np.array([[50, 100, 0], [20, 20, 2], [80, 20, 1]], float), SCHEMA, size=300)

    assert not changed(image)[90:].any()
    visible, hidden = (np.abs(image[20, x].astype(float) - TRUE.left).sum() for x in (20, 80))
    assert visible < hidden < np.abs(np.subtract(BACKGROUND, TRUE.left)).sum()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("draw", [draw_prediction, draw_truth])
def test_nothing_to_draw(draw):
    assert (draw(blank(), np.zeros((3, 3)), SCHEMA) == blank()).all()
    assert (draw(blank(), np.array([[np.nan, np.nan, 1.0]] * 3), SCHEMA) == blank()).all()


def test_thickness_grows_with_the_person():
    keypoints = np.array([[0, 0, 0], [20, 60, 1], [80, 60, 1]], float)

    thickness = [
        changed(draw_prediction(blank(), keypoints, SCHEMA, size=size))[:, 50].sum() for size in (60, 300, 600)
    ]

    assert thickness == sorted(set(thickness))
    # A limb and its rim, and a smooth pixel or two on each side.
    assert 600 * 0.014 * 1.35 < thickness[-1] < 600 * 0.014 * 1.35 + 4


def test_lines_are_smooth():
    keypoints = np.array([[0, 0, 0], [20, 20, 1], [80, 45, 1]], float)

    assert len(colours_of(draw_prediction(blank(), keypoints, SCHEMA, size=300))) > 50


def test_a_pose_beyond_the_border_is_cut():
    keypoints = np.array([[-500, -500, 1], [-20, 60, 1], [130, 60, 1]], float)

    image = draw_prediction(blank(), keypoints, SCHEMA, size=300)

    assert changed(image)[60].all()
    assert image.shape == blank().shape


def test_positions_between_pixels_count():
    def centre(x):
        mask = changed(draw_prediction(blank(), np.array([[x, 60, 1], [0, 0, 0], [0, 0, 0]], float), SCHEMA, size=300))
        difference = np.abs(
            draw_prediction(blank(), np.array([[x, 60, 1], [0, 0, 0], [0, 0, 0]], float), SCHEMA, size=300).astype(
                float
            )
            - blank()
        ).sum(axis=-1)
        return (difference * mask * np.arange(100)).sum() / (difference * mask).sum()

    for x in (50.0, 50.25, 50.5, 50.75):
        assert centre(x) == pytest.approx(x, abs=0.1)

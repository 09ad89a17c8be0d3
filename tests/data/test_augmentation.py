from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data.augmentation import Augmentation, augment, draw, drawn_augmentation, half_body_box
from evopose2d.data.geometry import crop, crop_matrices, transform_keypoints
from evopose2d.keypoints import COCO_PERSON, KeypointSchema

SHAPE = (256, 192)
FULL = AugmentationConfig(
    flip_probability=0.5,
    scale=0.3,
    rotation=40.0,
    rotation_probability=0.6,
    half_body_probability=0.3,
    half_body_keypoints=9,
)
FIVE = KeypointSchema(
    names=("head", "left_hand", "right_hand", "left_foot", "right_foot"),
    skeleton=(),
    flip_permutation=(0, 2, 1, 4, 3),
    sigmas=(0.05,) * 5,
    upper_body=(0, 1, 2),
)
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))
BOX = np.array([200, 100, 150, 260], np.float32)
KEYPOINTS = np.array([[280, 130, 2], [220, 200, 2], [330, 210, 1], [240, 340, 2], [300, 335, 2]], np.float32)


def drawn(config: AugmentationConfig, count: int) -> Augmentation:
    return drawn_augmentation(config, draw(np.random.default_rng(7), count))


def picture() -> np.ndarray:
    image = np.zeros((480, 640, 3), np.uint8)
    for (x, y, _), colour in zip(KEYPOINTS, COLOURS, strict=True):
        cv2.circle(image, (int(x), int(y)), 7, colour, -1)
    return image


def found(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray | None:
    distance = np.abs(image.astype(int) - colour).max(axis=-1)
    rows, columns = np.nonzero(distance < 100)
    return np.array([columns.mean(), rows.mean()]) if len(rows) > 20 else None


@given(
    st.floats(0.7, 1.3),
    st.floats(-80, 80),
    st.booleans(),
    st.booleans(),
)
def test_keypoints_and_pixels_move_together(scale, rotation, flip, half_body):
    augmentation = Augmentation(scale, rotation, flip, half_body)
    matrix, keypoints = augment(BOX, KEYPOINTS, SHAPE, augmentation, FIVE, half_body_keypoints=5)
    image = crop(picture(), matrix, SHAPE)
    seen = 0
    for index, (x, y, visibility) in enumerate(keypoints):
        # What was drawn at the left hand is a right hand in the mirror.
        source = FIVE.flip_permutation[index] if flip else index
        place = found(image, COLOURS[source])
        if 16 < x < SHAPE[1] - 16 and 16 < y < SHAPE[0] - 16:
            assert visibility == KEYPOINTS[source, 2]
            assert place is not None
            np.testing.assert_allclose(place, (x, y), atol=0.75)
            seen += 1
        elif not (0 <= x < SHAPE[1] and 0 <= y < SHAPE[0]):
            assert visibility == 0
    assert seen >= 1


def test_without_augmentation_the_crop_is_that_of_the_evaluation():
    matrix, keypoints = augment(BOX, KEYPOINTS, SHAPE, Augmentation(), FIVE, half_body_keypoints=1)
    np.testing.assert_array_equal(matrix, crop_matrices(BOX, SHAPE))
    np.testing.assert_array_equal(keypoints, transform_keypoints(KEYPOINTS, matrix))


def test_a_flip_mirrors_the_crop_and_exchanges_left_and_right():
    plain_matrix, plain = augment(BOX, KEYPOINTS, SHAPE, Augmentation(), FIVE, 9)
    matrix, mirrored = augment(BOX, KEYPOINTS, SHAPE, Augmentation(flip=True), FIVE, 9)
    np.testing.assert_allclose(mirrored[:, 0], SHAPE[1] - plain[[0, 2, 1, 4, 3], 0], atol=1e-4)
    np.testing.assert_allclose(mirrored[:, 1:], plain[[0, 2, 1, 4, 3], 1:], atol=1e-4)
    difference = cv2.absdiff(crop(picture(), matrix, SHAPE)[:, 1:], crop(picture(), plain_matrix, SHAPE)[:, :0:-1])
    assert difference.mean() < 0.1


def test_a_larger_scale_shows_more_of_the_image():
    matrix, _ = augment(BOX, KEYPOINTS, SHAPE, Augmentation(scale=1.25), FIVE, 9)
    assert matrix[0, 0] == pytest.approx(crop_matrices(BOX, SHAPE)[0, 0] / 1.25)


def test_people_are_augmented_together_as_each_alone():
    keypoints = np.stack([coco_keypoints(17), coco_keypoints(8), coco_keypoints(17), coco_keypoints(12)])
    boxes = np.stack([BOX, BOX + 10, BOX - 3, BOX])
    change = Augmentation(
        scale=np.array([1.2, 0.9, 1.0, 0.7]),
        rotation=np.array([0.0, 30.0, -50.0, 10.0]),
        flip=np.array([True, False, False, True]),
        half_body=np.array([True, True, False, True]),
        prefer_upper=np.array([True, True, False, False]),
    )
    matrices, moved = augment(boxes, keypoints, SHAPE, change, COCO_PERSON, 9)
    assert (matrices.shape, moved.shape, moved.dtype) == ((4, 2, 3), (4, 17, 3), np.float32)
    for person in range(4):
        alone = Augmentation(**{name: values[person] for name, values in vars(change).items()})
        matrix, expected = augment(boxes[person], keypoints[person], SHAPE, alone, COCO_PERSON, 9)
        np.testing.assert_allclose(matrices[person], matrix, rtol=1e-12)
        np.testing.assert_allclose(moved[person], expected, atol=1e-4)


def test_draws_follow_the_configuration():
    draws = drawn(FULL, 20_000)
    scales, rotations = draws.scale, draws.rotation
    assert scales.min() == 0.7 and scales.max() == 1.3
    assert scales.mean() == pytest.approx(1, abs=0.01)
    # A standard normal is beyond 1 in 31.7 % of the draws, and beyond 2 in 4.55 %.
    assert np.mean((scales == 0.7) | (scales == 1.3)) == pytest.approx(0.317, abs=0.015)
    assert np.mean(rotations != 0) == pytest.approx(0.6, abs=0.015)
    turned = rotations[rotations != 0]
    assert np.abs(turned).max() == 80
    assert np.mean(np.abs(turned) == 80) == pytest.approx(0.0455, abs=0.008)
    assert np.mean(np.abs(turned) < 40) == pytest.approx(0.683, abs=0.015)
    assert np.mean(draws.flip) == pytest.approx(0.5, abs=0.015)
    assert np.mean(draws.half_body) == pytest.approx(0.3, abs=0.015)
    assert np.mean(draws.prefer_upper) == pytest.approx(0.5, abs=0.015)


def test_probability_zero_is_never_and_one_is_always():
    never = replace(FULL, flip_probability=0.0, rotation_probability=0.0, half_body_probability=0.0, scale=0.0)
    always = replace(FULL, flip_probability=1.0, rotation_probability=1.0, half_body_probability=1.0)
    draws = drawn(never, 5000)
    assert not draws.flip.any() and not draws.half_body.any() and not draws.rotation.any() and (draws.scale == 1).all()
    draws = drawn(always, 5000)
    assert draws.flip.all() and draws.half_body.all() and draws.rotation.all()


def test_probability_zero_is_never_even_for_the_lowest_draw():
    never = replace(FULL, flip_probability=0.0, rotation_probability=0.0, half_body_probability=0.0)
    lowest = drawn_augmentation(never, np.zeros((1, 6)))
    assert not lowest.flip and not lowest.half_body and lowest.rotation == 0


def test_the_same_generator_gives_the_same_draws_and_settings_do_not_disturb_each_other():
    draws, unflipped = vars(drawn(FULL, 50)), vars(drawn(replace(FULL, flip_probability=0.0), 50))
    assert not unflipped.pop("flip").any()
    for name, values in unflipped.items():
        np.testing.assert_array_equal(values, draws[name])
        np.testing.assert_array_equal(values, vars(drawn(FULL, 50))[name])


def coco_keypoints(labelled: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    keypoints = np.concatenate([rng.uniform(210, 340, (17, 2)), np.full((17, 1), 2)], axis=1).astype(np.float32)
    keypoints[:11, 1] = rng.uniform(110, 200, 11)
    keypoints[11:, 1] = rng.uniform(230, 350, 6)
    keypoints[labelled:] = 0
    return keypoints


@pytest.mark.parametrize(("prefer_upper", "inside"), [(True, slice(0, 11)), (False, slice(11, 17))])
def test_half_body_crops_to_the_preferred_half(prefer_upper, inside):
    keypoints = coco_keypoints(17)
    augmentation = Augmentation(half_body=True, prefer_upper=prefer_upper)
    matrix, moved = augment(BOX, keypoints, SHAPE, augmentation, COCO_PERSON, half_body_keypoints=9)
    np.testing.assert_allclose(
        matrix @ [*keypoints[inside, :2].mean(axis=0), 1], [SHAPE[1] / 2, SHAPE[0] / 2], atol=1e-3
    )
    extent = np.ptp(moved[inside, :2], axis=0) / (SHAPE[1], SHAPE[0])
    assert extent.max() == pytest.approx(1 / 1.5, rel=1e-4)


def test_half_body_needs_enough_labelled_keypoints():
    augmentation = Augmentation(half_body=True, prefer_upper=True)
    whole = crop_matrices(BOX, SHAPE)
    few, _ = augment(BOX, coco_keypoints(8), SHAPE, augmentation, COCO_PERSON, half_body_keypoints=9)
    enough, _ = augment(BOX, coco_keypoints(9), SHAPE, augmentation, COCO_PERSON, half_body_keypoints=9)
    np.testing.assert_array_equal(few, whole)
    assert not np.allclose(enough, whole)


def test_half_body_gives_way_to_the_half_that_is_labelled():
    keypoints = coco_keypoints(12)  # all of the upper body, one keypoint of the lower
    lower_first = half_body_box(keypoints, COCO_PERSON, prefer_upper=False)
    upper_first = half_body_box(keypoints, COCO_PERSON, prefer_upper=True)
    assert lower_first is not None and upper_first is not None
    np.testing.assert_array_equal(lower_first[1], upper_first[1])


def test_half_body_is_left_out_where_it_is_not_defined():
    on_one_spot = coco_keypoints(17)
    on_one_spot[:, :2] = 100
    assert half_body_box(on_one_spot, COCO_PERSON, prefer_upper=True) is None
    no_halves = replace(COCO_PERSON, upper_body=())
    assert half_body_box(coco_keypoints(17), no_halves, prefer_upper=True) is None
    matrix, _ = augment(BOX, coco_keypoints(17), SHAPE, Augmentation(half_body=True), no_halves, 9)
    np.testing.assert_array_equal(matrix, crop_matrices(BOX, SHAPE))

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evopose2d.data import geometry

SHAPE = (256, 192)

centers = st.tuples(st.floats(-200, 800), st.floats(-200, 800))
scales = st.floats(0.05, 20)
angles = st.floats(-180, 180)


@pytest.fixture(scope="session")
def reference_people(reference, coco_sample):
    """(annotation, crop height, the original's numbers by name) of each person and crop size."""
    numbers = np.load(reference / "preprocess_ref.npz")
    annotations = json.loads((coco_sample / "annotations/person_keypoints_val2017.json").read_text())
    by_id = {annotation["id"]: annotation for annotation in annotations["annotations"]}
    keys = sorted({tuple(name.split("_")[:2]) for name in numbers.files})
    names = ("M", "kp", "valid")
    return [
        (by_id[int(key)], int(height), {name: numbers[f"{key}_{height}_{name}"] for name in names})
        for key, height in keys
    ]


def test_matrices_and_keypoints_are_the_originals(reference_people):
    assert len(reference_people) == 24
    for annotation, height, expected in reference_people:
        shape = (height, height * 3 // 4)
        matrix = geometry.crop_matrices(annotation["bbox"], shape)
        np.testing.assert_allclose(matrix, expected["M"], rtol=1e-5, atol=1e-3)
        keypoints = np.reshape(annotation["keypoints"], (-1, 3))
        moved = geometry.mask_outside(geometry.transform_keypoints(keypoints, matrix), shape)
        np.testing.assert_allclose(moved, expected["kp"], atol=1e-3)
        np.testing.assert_array_equal(moved[:, 2] > 0, expected["valid"][0] > 0)


def test_all_people_at_once_give_what_each_gives_alone(reference_people):
    boxes = np.array([annotation["bbox"] for annotation, _, _ in reference_people])
    keypoints = np.array([annotation["keypoints"] for annotation, _, _ in reference_people]).reshape(-1, 17, 3)
    matrices = geometry.crop_matrices(boxes, SHAPE)
    moved = geometry.mask_outside(geometry.transform_keypoints(keypoints, matrices), SHAPE)
    back = geometry.keypoints_to_image(moved, matrices)
    for index in range(len(boxes)):
        alone = geometry.crop_matrices(boxes[index], SHAPE)
        np.testing.assert_allclose(matrices[index], alone, rtol=1e-12)
        np.testing.assert_array_equal(
            moved[index], geometry.mask_outside(geometry.transform_keypoints(keypoints[index], alone), SHAPE)
        )
        np.testing.assert_allclose(back[index, :, :2], keypoints[index, :, :2], atol=1e-3)


@given(
    st.tuples(st.floats(0, 600), st.floats(0, 600), st.floats(1, 600), st.floats(1, 600)),
    st.sampled_from([(256, 192), (128, 96), (96, 128), (64, 64)]),
)
def test_a_crop_holds_its_box_with_the_margin_and_the_crops_aspect_ratio(box, shape):
    matrix = geometry.crop_matrices(box, shape)
    x, y, width, height = box
    corners = np.array([[x, y, 1], [x + width, y + height, 1]])
    moved = geometry.transform_keypoints(corners, matrix)[:, :2]
    middle, extent = moved.mean(axis=0), moved[1] - moved[0]
    np.testing.assert_allclose(middle, [shape[1] / 2, shape[0] / 2], atol=1e-2)
    assert max(extent[0] / shape[1], extent[1] / shape[0]) == pytest.approx(1 / geometry.CROP_MARGIN, rel=1e-3)
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])


@given(centers, scales, angles, st.booleans())
def test_inverse_undoes_every_matrix(center, scale, rotation, flip):
    matrix = geometry.affine_matrices(center, scale, SHAPE, rotation, flip)
    points = np.array([[0.0, 0, 1], [640, 0, 1], [0, 480, 2], [311.5, 17.25, 0.5]])
    identity = np.vstack([geometry.invert(matrix), [0, 0, 1]]) @ np.vstack([matrix, [0, 0, 1]])
    np.testing.assert_allclose(identity, np.eye(3), atol=1e-9)
    back = geometry.keypoints_to_image(geometry.transform_keypoints(points, matrix), matrix)
    np.testing.assert_allclose(back, points, atol=1e-2)


@given(centers, scales, angles, st.booleans())
def test_every_matrix_keeps_the_centre_and_angles(center, scale, rotation, flip):
    matrix = geometry.affine_matrices(center, scale, SHAPE, rotation, flip)
    np.testing.assert_allclose(matrix @ [*center, 1], [96, 128], atol=1e-6)
    linear = matrix[:, :2] * scale
    np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-9)
    assert np.linalg.det(linear) == pytest.approx(-1 if flip else 1)


def test_rotation_turns_the_picture_clockwise_after_the_mirror():
    quarter = geometry.affine_matrices((0, 0), 1.0, SHAPE, rotation=90)
    mirrored = geometry.affine_matrices((0, 0), 1.0, SHAPE, rotation=90, flip=True)
    np.testing.assert_allclose(quarter @ [10, 0, 1], [96, 138], atol=1e-9)  # the right comes to the bottom
    np.testing.assert_allclose(mirrored @ [10, 0, 1], [96, 118], atol=1e-9)


def test_matrices_of_many_people_take_a_rotation_and_a_flip_each():
    center, scale = np.array([[5.0, 6], [7, 8]]), np.array([1.0, 2])
    together = geometry.affine_matrices(center, scale, SHAPE, np.array([0.0, 30]), np.array([True, False]))
    np.testing.assert_array_equal(together[0], geometry.affine_matrices(center[0], 1.0, SHAPE, 0.0, True))
    np.testing.assert_array_equal(together[1], geometry.affine_matrices(center[1], 2.0, SHAPE, 30.0))


def test_the_crops_edge_lies_inside_at_zero_and_outside_at_its_size():
    points = [[0, 0, 2], [191.9, 255.9, 1], [192, 10, 2], [10, 256, 2], [-0.01, 10, 2], [10, -0.01, 1]]
    masked = geometry.mask_outside(np.array(points, np.float32), SHAPE)
    assert masked[:, 2].tolist() == [2, 1, 0, 0, 0, 0]


def test_outside_the_image_a_crop_shows_what_normalisation_turns_to_zero():
    image = np.full((40, 40, 3), 255, np.uint8)
    crop = geometry.crop(image, geometry.crop_matrices((30, 30, 40, 40), (64, 64)), (64, 64))
    assert crop.dtype == np.uint8
    assert crop[0, 0].tolist() == [255, 255, 255]
    assert crop[-1, -1].tolist() == [124, 116, 104]


@given(st.tuples(st.floats(-50, 350), st.floats(-50, 250)), st.floats(0.1, 4), angles, st.booleans())
def test_the_window_of_a_crop_holds_all_that_the_crop_shows(center, scale, rotation, flip):
    shape = (64, 48)
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    matrix = geometry.affine_matrices(center, scale, shape, rotation, flip)
    y, x, height, width = geometry.crop_windows(matrix, image.shape, shape)
    assert y >= 0 and x >= 0 and height >= 1 and width >= 1
    assert y + height <= 200 and x + width <= 300
    part = np.ascontiguousarray(image[y : y + height, x : x + width])
    whole = geometry.crop(image, matrix, shape).astype(int)
    windowed = geometry.crop(part, geometry.shifted(matrix, (x, y)), shape).astype(int)
    # Rounding of positions to a 32nd of a pixel may differ, on noise by a few grey levels.
    assert np.abs(whole - windowed).max() <= 255 / 32 * 2 + 1
    assert np.abs(whole - windowed).mean() < 0.1


def test_the_window_is_no_larger_than_the_crop_needs():
    y, x, height, width = geometry.crop_windows(geometry.crop_matrices((100, 100, 60, 80), SHAPE), (480, 640), SHAPE)
    # 100 pixels high and 75 wide around (130, 140)
    assert 87 <= y <= 90 and 190 <= y + height <= 193
    assert 89 <= x <= 92 and 168 <= x + width <= 171


@given(centers, st.floats(1, 500), st.floats(1, 500))
def test_a_centred_crop_has_the_box_on_its_axis_of_mirroring(corner, width, height):
    box = np.array([*corner, width, height])
    matrix = geometry.crop_matrices(box, SHAPE, centred=True)
    middle = np.array([[[*(box[:2] + box[2:] / 2), 1.0]]])
    corners = np.array([[[*box[:2], 1.0], [*(box[:2] + box[2:]), 1.0]]])

    mirrored = np.array([SHAPE[1] - 1, 0]) + geometry.transform_keypoints(middle, matrix)[0, 0, :2] * [-1, 1]
    inside = geometry.transform_keypoints(corners, matrix)[0, :, :2]

    np.testing.assert_allclose(mirrored, [(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2], atol=1e-3)
    # The longer side, from first to last pixel centre, fills the crop but for the margin.
    filled = (inside[1] - inside[0]) / [SHAPE[1] - 1, SHAPE[0] - 1]
    np.testing.assert_allclose(filled.max() * geometry.CROP_MARGIN, 1.0, atol=1e-3)

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


@given(angles, st.booleans(), st.floats(0.1, 1))
def test_a_crop_of_what_is_kept_of_an_image_is_that_of_the_image(rotation, flip, scale):
    matrix = geometry.affine_matrices((100, 80), 1.3, SHAPE, rotation, flip)
    corner = np.float32([40.5, 30.25])
    points = np.random.default_rng(0).uniform(0, 200, (5, 3))
    kept = np.concatenate([(points[:, :2] - corner) * scale, points[:, 2:]], axis=1)
    expected = geometry.transform_keypoints(points, matrix)
    found = geometry.transform_keypoints(kept, geometry.placed(matrix, (*corner, scale)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


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

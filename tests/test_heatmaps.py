import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evopose2d.heatmaps import decode, encode, flip_back
from evopose2d.keypoints import COCO_PERSON

_SHAPE, _STRIDE = (16, 12), 4


def _one_peak(x, y, right=0.0, below=0.0):
    """A (1, 16, 12, 1) heatmap with a peak and raised neighbours at its right and below it."""
    heatmap = np.zeros((1, *_SHAPE, 1), "float32")
    if x + 1 < _SHAPE[1]:
        heatmap[0, y, x + 1] = right
    if y + 1 < _SHAPE[0]:
        heatmap[0, y + 1, x] = below
    heatmap[0, y, x] = 255
    return heatmap


def test_decodes_as_the_original(reference):
    stored = np.load(reference / "decode_ref.npz")
    decoded = np.asarray(decode(stored["heatmaps"]), "float64")

    for found, affine, expected in zip(decoded, stored["affine"], stored["keypoints"], strict=True):
        inverse = np.linalg.inv(np.vstack([affine, [0, 0, 1]]))
        crop = np.column_stack([found[:, :2] * 4, np.ones(len(found))])
        np.testing.assert_allclose((crop @ inverse.T)[:, :2], expected[:, :2], atol=1e-3)
        np.testing.assert_allclose(found[:, 2], expected[:, 2], atol=1e-6)


def test_encodes_as_the_original(reference):
    stored = np.load(reference / "preprocess_ref.npz")
    people = [key.removesuffix("_kp") for key in stored.files if key.endswith("_kp")]
    assert people
    for person in people:
        height = int(person.partition("_")[2]) // 4
        targets, mask = encode(stored[f"{person}_kp"][None], (height, height * 3 // 4), 4, 2.0)
        flat = np.asarray(targets).reshape(-1, 17)
        labelled = stored[f"{person}_valid"][0] > 0

        np.testing.assert_array_equal(mask, stored[f"{person}_valid"])
        np.testing.assert_array_equal(flat.argmax(0)[labelled], stored[f"{person}_hm_argmax"][labelled])
        np.testing.assert_allclose(flat.sum(0), stored[f"{person}_hmsum"][0], rtol=1e-4, atol=1e-3)


@settings(deadline=None)  # the first example compiles
@given(x=st.floats(0, 47.75, width=32), y=st.floats(0, 63.75, width=32))
def test_what_is_encoded_is_decoded_to_half_a_pixel(x, y):
    targets, mask = encode(np.array([[[x, y, 2]]], "float32"), _SHAPE, _STRIDE, 8.0)
    found_x, found_y, score = np.asarray(decode(targets))[0, 0]

    assert np.asarray(mask) == 1
    beyond_x, beyond_y = (max(0, c - (n - 0.5) * _STRIDE) for c, n in ((x, _SHAPE[1]), (y, _SHAPE[0])))
    assert abs(found_x * _STRIDE - x) <= _STRIDE / 2 + beyond_x + 1e-4
    assert abs(found_y * _STRIDE - y) <= _STRIDE / 2 + beyond_y + 1e-4
    if not (beyond_x or beyond_y):
        assert score == pytest.approx(1, abs=1e-6)


@settings(deadline=None)  # the first example compiles
@given(x=st.integers(0, 11), y=st.integers(0, 15))
def test_a_pixel_centre_comes_back_exactly(x, y):
    targets, _ = encode(np.array([[[x * _STRIDE, y * _STRIDE, 1]]], "float32"), _SHAPE, _STRIDE, 8.0)

    np.testing.assert_allclose(np.asarray(decode(targets))[0, 0], [x, y, 1], atol=1e-6)


def test_sigma_scales_with_the_heatmap_height():
    targets, _ = encode(np.array([[[24, 32, 2]]], "float32"), (32, 24), 2, 4.0)
    deviation = 4.0 * 32 / 64

    assert targets[0, 16, 12, 0] == 255
    assert float(targets[0, 16, 15, 0]) == pytest.approx(255 * np.exp(-(3**2) / (2 * deviation**2)), rel=1e-5)
    assert float(targets[0, 19, 14, 0]) == pytest.approx(255 * np.exp(-13 / (2 * deviation**2)), rel=1e-5)


@pytest.mark.parametrize(
    ("keypoint", "expected"),
    [
        ((0, 0, 1), 1),
        ((47.5, 63.5, 2), 1),
        ((20, 30, 0), 0),
        ((-0.1, 30, 2), 0),
        ((48, 30, 2), 0),
        ((20, -0.1, 2), 0),
        ((20, 64, 2), 0),
    ],
)
def test_mask_leaves_out_unlabelled_and_outside(keypoint, expected):
    _, mask = encode(np.array([[keypoint]], "float32"), _SHAPE, _STRIDE, 2.0)

    assert np.asarray(mask).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("x", "y", "right", "below", "expected"),
    [
        (5, 7, 9, 9, (5.25, 7.25)),
        (5, 7, -9, -9, (4.75, 6.75)),
        (5, 7, 0, 9, (5, 7.25)),
        (1, 7, 9, 9, (1, 7)),
        (2, 7, 9, 9, (2.25, 7.25)),
        (10, 7, 9, 9, (10.25, 7.25)),
        (11, 7, 9, 9, (11, 7)),
        (5, 1, 9, 9, (5, 1)),
        (5, 14, 9, 9, (5.25, 14.25)),
        (5, 15, 9, 9, (5, 15)),
        (0, 0, 9, 9, (0, 0)),
    ],
)
def test_peak_moves_a_quarter_pixel_away_from_borders(x, y, right, below, expected):
    found = np.asarray(decode(_one_peak(x, y, right, below)))[0, 0]

    np.testing.assert_allclose(found, [*expected, 1])


def test_flip_back_mirrors_swaps_and_shifts():
    heatmaps = np.random.default_rng(0).uniform(size=(2, 4, 5, 17)).astype("float32")
    permutation = list(COCO_PERSON.flip_permutation)
    back = np.asarray(flip_back(heatmaps, permutation))

    left_eye, right_eye = 1, 2
    np.testing.assert_array_equal(back[:, :, 1:, left_eye], heatmaps[:, :, :0:-1, right_eye])
    np.testing.assert_array_equal(back[:, :, 0, left_eye], heatmaps[:, :, -1, right_eye])
    np.testing.assert_array_equal(back[:, :, 1:, 0], heatmaps[:, :, :0:-1, 0])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces with TensorFlow")
def test_codec_runs_in_a_graph_with_any_batch():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, 3, 3))])
    def round_trip(keypoints):
        targets, mask = encode(keypoints, _SHAPE, _STRIDE, 8.0)
        return decode(flip_back(targets, [1, 0, 2])), mask

    keypoints = np.random.default_rng(0).uniform(8, 40, (4, 3, 3)).astype("float32")
    eager = decode(flip_back(encode(keypoints, _SHAPE, _STRIDE, 8.0)[0], [1, 0, 2]))

    np.testing.assert_allclose(round_trip(keypoints)[0], eager, atol=1e-5)
    assert round_trip(keypoints[:1])[0].shape == (1, 3, 3)

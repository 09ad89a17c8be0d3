"""Ways of reading heatmaps whose true peaks lie between pixels, against the original's quarter-pixel rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evopose2d.errors import ConfigError
from evopose2d.evaluation.decoding import Decoding, HeatmapReader
from evopose2d.heatmaps import decode, decode_dark, encode, flip_back

HEIGHT, WIDTH, STRIDE, SIGMA = 64, 48, 4, 2.0
CROP_WIDTH, CROP_HEIGHT = WIDTH * STRIDE, HEIGHT * STRIDE


def gaussians(points):
    """Heatmaps (N, h, w, 1) of Gaussians about (N, 2) points x, y in heatmap pixels."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = np.asarray(points, np.float64).T[..., None, None]
    squared = (columns - x) ** 2 + (rows - y) ** 2
    return (255 * np.exp(-squared / (2 * SIGMA**2)))[..., None].astype(np.float32)


def random_points(count, seed=0):
    return np.random.default_rng(seed).uniform((4, 4), (WIDTH - 5, HEIGHT - 5), (count, 2))


def errors(decoded, points):
    return np.linalg.norm(np.asarray(decoded)[:, 0, :2] - points, axis=-1)


@pytest.mark.slow
@settings(max_examples=60)
@given(x=st.floats(3, WIDTH - 4), y=st.floats(3, HEIGHT - 4), height=st.floats(0.05, 1.1))
def test_dark_finds_the_peak_of_a_gaussian_anywhere(x, y, height):
    found = np.asarray(decode_dark(gaussians([(x, y)]) * np.float32(height), SIGMA))[0, 0]

    # Half a hundredth of a heatmap pixel: what the cut-off at the border and float32 leave.
    np.testing.assert_allclose(found[:2], [x, y], atol=5e-3 if 6 < x < WIDTH - 7 and 6 < y < HEIGHT - 7 else 0.4)
    assert found[2] == pytest.approx(float(gaussians([(x, y)]).max()) * height / 255, rel=1e-5)


def test_dark_is_nearer_than_the_quarter_pixel_rule_on_noisy_heatmaps():
    points = random_points(200)
    noise = np.random.default_rng(1).normal(0, 3, (200, HEIGHT, WIDTH, 1))
    heatmaps = gaussians(points) + noise.astype(np.float32)

    quarter, dark = errors(decode(heatmaps), points), errors(decode_dark(heatmaps, SIGMA), points)

    assert dark.mean() < min(quarter.mean() / 2, 0.015)
    assert dark.max() < 0.3


def test_dark_is_nearer_on_the_mean_of_the_originals_rounded_targets():
    """A network that cannot see a keypoint to the pixel learns the mean of the targets that may be meant."""
    generator = np.random.default_rng(2)
    points = random_points(40) * STRIDE
    heatmaps = []
    for point in points:
        meant = point + generator.normal(0, 4, (400, 2))
        keypoints = np.column_stack([meant, np.full(400, 2)])[None].astype(np.float32)
        targets, _ = encode(keypoints, (HEIGHT, WIDTH), STRIDE, SIGMA)
        heatmaps.append(np.asarray(targets)[0].mean(axis=-1, keepdims=True))
    heatmaps = np.stack(heatmaps)

    quarter, dark = (errors(found, points / STRIDE) for found in (decode(heatmaps), decode_dark(heatmaps, SIGMA)))

    assert dark.mean() < quarter.mean() / 2


@pytest.mark.parametrize("pixel", [(0, 0), (1, 30), (WIDTH - 1, 30), (WIDTH - 2, 30), (20, 1), (20, HEIGHT - 2)])
def test_dark_leaves_peaks_at_a_border_where_they_are(pixel):
    found = np.asarray(decode_dark(gaussians([pixel]), SIGMA))[0, 0]

    np.testing.assert_allclose(found, [*pixel, 1], atol=1e-6)


def test_dark_moves_a_peak_one_pixel_at_most():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    heatmap = 255 * np.exp(-((columns - 24) ** 2 + (rows - 36) ** 2) / (2 * 10.0**2))
    heatmap[32, 20] = 300

    found = np.asarray(decode_dark(heatmap[None, ..., None].astype(np.float32), SIGMA))[0, 0]

    np.testing.assert_allclose(found[:2], [21, 33], atol=1e-6)


@pytest.mark.parametrize("fill", [0.0, -1.0, 7.0])
def test_dark_of_a_map_without_a_peak_is_finite(fill):
    heatmap = np.full((1, HEIGHT, WIDTH, 1), fill, np.float32)
    heatmap[0, 20, 20] += 1e-3

    found = np.asarray(decode_dark(heatmap, SIGMA))[0, 0]

    assert np.isfinite(found).all()
    assert np.abs(found[:2] - 20).max() <= 1


def read(coordinates, method, heatmaps, mirrored):
    reader = HeatmapReader(Decoding(True, method, coordinates), [0], SIGMA, STRIDE)
    return np.asarray(reader(heatmaps, lambda: mirrored))[:, 0, :2]


def strided(points):
    """What a network trained on the original's targets shows of points in crop pixels, if it could see all."""
    return gaussians(points / STRIDE)


def udp(points):
    return gaussians(points * (WIDTH - 1, HEIGHT - 1) / np.array([CROP_WIDTH - 1, CROP_HEIGHT - 1]))


@pytest.mark.parametrize(("network", "fitting"), [(strided, "exact"), (udp, "udp")])
def test_the_mirror_comes_back_exactly_in_the_coordinates_a_network_was_trained_in(network, fitting):
    points = random_points(100, seed=3) * STRIDE
    heatmaps, mirrored = network(points), network(points * (-1, 1) + (CROP_WIDTH - 1, 0))

    unbiased = read(fitting, "dark", heatmaps, mirrored) - points
    quarter = read("original", "quarter-pixel", heatmaps, mirrored) - points
    fitting_quarter = read(fitting, "quarter-pixel", heatmaps, mirrored) - points

    assert np.abs(unbiased).max() < 0.1
    assert np.abs(unbiased).mean() < np.abs(quarter).mean() / 5
    # The quarter-pixel rule itself gains as well: its mean error is no longer shifted to the right.
    assert abs(fitting_quarter[:, 0].mean()) < 0.15 < quarter[:, 0].mean()


def test_the_originals_flip_is_half_a_crop_pixel_off():
    points = random_points(100, seed=4) * STRIDE
    heatmaps, mirrored = strided(points), strided(points * (-1, 1) + (CROP_WIDTH - 1, 0))

    off = read("original", "dark", heatmaps, mirrored) - points

    np.testing.assert_allclose(off[:, 0], 0.5, atol=0.05)
    np.testing.assert_allclose(off[:, 1], 0.0, atol=0.05)


@pytest.mark.parametrize("shift", [0.5, 0.75, 0.875])
def test_a_shift_between_pixels_keeps_the_heatmap(shift):
    points = random_points(20, seed=5)
    mirrored = gaussians(points)[:, :, ::-1]

    back = np.asarray(flip_back(mirrored, [0], shift))

    # What stands left of the mirrored map nobody knows; hence not the first columns.
    np.testing.assert_allclose(back[:, :, 3:], gaussians(points + np.array([shift, 0]))[:, :, 3:], atol=2.0)


@pytest.mark.parametrize("choice", [{"method": "taylor"}, {"coordinates": "unbiased"}])
def test_an_unknown_choice_is_told(choice):
    with pytest.raises(ConfigError, match="must be one of"):
        Decoding(**choice)

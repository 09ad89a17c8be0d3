"""The loss of heatmaps, and of a network whose outputs are supervised together."""

import keras
import numpy as np

from evopose2d.heatmaps import encode
from evopose2d.networks.architecture import Output
from evopose2d.training.losses import HeatmapLoss, supervised_loss

_STRIDE, _SIGMA = 4, 8.0


def _data():
    rng = np.random.default_rng(0)
    keypoints = np.concatenate([rng.uniform(0, 32, (2, 5, 2)), [[[1]] * 5] * 2], axis=-1).astype("float32")
    keypoints[1, 2:, 2] = 0
    return keypoints, rng.uniform(0, 255, (2, 8, 8, 5)).astype("float32")


def _errors(keypoints, heatmaps, sigma):
    """Mean squared error (B, K), 0 where a keypoint is not labelled."""
    targets, mask = (np.asarray(each) for each in encode(keypoints, (8, 8), _STRIDE, sigma))
    return ((heatmaps - targets) ** 2).mean(axis=(1, 2)) * mask


def test_loss_is_the_mean_over_all_keypoints():
    keypoints, heatmaps = _data()
    loss = HeatmapLoss(_STRIDE, _SIGMA).call(keypoints, heatmaps)
    np.testing.assert_allclose(loss, _errors(keypoints, heatmaps, _SIGMA).mean(axis=-1), rtol=1e-5)


def test_only_the_hardest_keypoints_of_each_person_count():
    keypoints, heatmaps = _data()
    hardest = np.sort(_errors(keypoints, heatmaps, _SIGMA), axis=-1)[:, -3:]
    loss = HeatmapLoss(_STRIDE, _SIGMA, hardest=3).call(keypoints, heatmaps)
    np.testing.assert_allclose(loss, hardest.mean(axis=-1), rtol=1e-5)
    everyone = HeatmapLoss(_STRIDE, _SIGMA, hardest=17).call(keypoints, heatmaps)
    np.testing.assert_allclose(everyone, HeatmapLoss(_STRIDE, _SIGMA).call(keypoints, heatmaps), rtol=1e-5)


def test_outputs_add_up_each_by_its_own_targets_and_weight():
    keypoints, heatmaps = _data()
    outputs = [Output(None, weight=0.25, sigma=2.0), Output(None, hardest=2)]
    total = supervised_loss(outputs, [_STRIDE, _STRIDE], _SIGMA)(keypoints, [heatmaps, heatmaps / 2])

    hardest = np.sort(_errors(keypoints, heatmaps / 2, _SIGMA), axis=-1)[:, -2:]
    expected = 0.25 * _errors(keypoints, heatmaps, 2 * _SIGMA).mean() + hardest.mean()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(total), expected, rtol=1e-5)

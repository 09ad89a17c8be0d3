"""Inference on several devices and on the JAX backend, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_HERE = Path(__file__).parent
_TWO_DEVICES = """
import sys
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
sys.path.insert(0, sys.argv[1])
from test_inference import Oracle, batches, people, predict_people
with strategy.scope():
    predictor = Oracle()
columns, in_image = people(11)
predictions = predict_people(predictor, batches(columns, 4), 11)
assert strategy.num_replicas_in_sync == 2
assert predictions.loss.tolist() == list(range(11)), predictions.loss
np.testing.assert_allclose(predictions.keypoints[..., :2], in_image[..., :2], atol=1e-3)
"""


def test_two_devices_share_a_batch_and_keep_its_order():
    subprocess.run([sys.executable, "-c", _TWO_DEVICES, str(_HERE)], check=True)


def test_the_same_tests_pass_on_jax():
    pytest.importorskip("jax")
    files = [str(_HERE / name) for name in ("test_predictor.py", "test_inference.py", "test_decoding.py")]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}

    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", *files], env=environment, capture_output=True, text=True
    )

    assert finished.returncode == 0, finished.stdout

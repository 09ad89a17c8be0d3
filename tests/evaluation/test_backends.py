"""Inference on several devices and on the JAX backend, and what it leaves behind, each in a process of its own."""

import mmap
import os
import platform
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
_MEMORY = """
import resource
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_inference import Oracle, batches, people, predict_people
columns, _ = people(11)
predict_people(Oracle(), batches(columns, 4), 11)
np.ones(2**20, np.uint8)  # from here on the C library knows that such sizes come back
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    np.ones(2**20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_two_devices_share_a_batch_and_keep_its_order():
    subprocess.run([sys.executable, "-c", _TWO_DEVICES, str(_HERE)], check=True)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory in other ways")
def test_memory_that_was_used_is_used_again_after_a_prediction():
    finished = subprocess.run([sys.executable, "-c", _MEMORY, str(_HERE)], check=True, capture_output=True, text=True)

    pages = 2**20 // mmap.PAGESIZE
    assert int(finished.stdout) < 5 * pages  # 50 times as many if each array were got from the system anew


def test_the_same_tests_pass_on_jax():
    pytest.importorskip("jax")
    files = [str(_HERE / name) for name in ("test_predictor.py", "test_inference.py", "test_decoding.py")]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}

    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", *files], env=environment, capture_output=True, text=True
    )

    assert finished.returncode == 0, finished.stdout

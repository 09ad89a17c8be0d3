"""The devices that a process takes, and what it says of those that it does not."""

import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tensorflow as tf

from evopose2d import accelerator as module
from evopose2d.accelerator import Accelerator, prepare
from evopose2d.config.schema import AcceleratorConfig
from evopose2d.errors import ConfigError
from evopose2d.hardware import Hardware

_AUTO = AcceleratorConfig(device="auto", precision="float32", xla="auto")
_GPUS = (SimpleNamespace(name="GPU:0"), SimpleNamespace(name="GPU:1"))


def test_training_on_the_cpu_beside_a_gpu_says_so_in_one_line(monkeypatch, caplog):
    monkeypatch.setattr(module, "Hardware", SimpleNamespace(look=lambda: Hardware(("NVIDIA L4",), True)))
    with caplog.at_level(logging.WARNING):
        assert prepare(_AUTO).device == "cpu"
    (line,) = caplog.messages
    assert line.startswith("computing on the CPU: there is a GPU (NVIDIA L4), but ")


@pytest.mark.parametrize("hardware", [Hardware(), Hardware(("NVIDIA L4",), True)])
def test_nothing_is_said_where_the_cpu_is_asked_for_or_all_there_is(hardware: Hardware, monkeypatch, caplog):
    monkeypatch.setattr(module, "Hardware", SimpleNamespace(look=lambda: hardware))
    with caplog.at_level(logging.WARNING):
        prepare(AcceleratorConfig("cpu" if hardware.gpus else "auto", "float32", "auto"))
    assert caplog.messages == []


@pytest.fixture
def told(monkeypatch) -> dict[str, object]:
    """What TensorFlow is told of two GPUs, which this machine does not have."""
    said: dict[str, object] = {}
    config = tf.config
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: list(_GPUS))
    monkeypatch.setattr(config, "list_logical_devices", lambda kind: list(_GPUS[:1]))
    monkeypatch.setattr(config, "set_logical_device_configuration", lambda gpu, parts: said.update({gpu.name: parts}))
    monkeypatch.setattr(config.experimental, "set_memory_growth", lambda gpu, grows: said.update({gpu.name: grows}))
    return said


def test_a_share_of_a_gpu_is_a_limit_of_memory(told, monkeypatch):
    monkeypatch.setattr(module, "gpu_megabytes", lambda: [24576, 81920])
    assert prepare(_AUTO, gpu_share=0.25).device == "gpu"
    assert [told[f"GPU:{n}"][0].memory_limit for n in (0, 1)] == [int(size * 0.25 * 0.95) for size in (24576, 81920)]


@pytest.mark.parametrize(("share", "sizes"), [(1.0, [24576, 81920]), (0.5, [])])
def test_memory_grows_where_a_gpu_is_not_shared_or_its_size_unknown(share, sizes, told, monkeypatch, caplog):
    monkeypatch.setattr(module, "gpu_megabytes", lambda: sizes)
    prepare(_AUTO, gpu_share=share)
    assert told == {"GPU:0": True, "GPU:1": True}
    assert ("memory is unknown" in caplog.text) == (share < 1)


@pytest.mark.parametrize(
    ("replicas", "batch", "parts", "line"),
    [
        (2, 9, 1, r"^train\.batch_size: got 9, must be a multiple of the 2 devices$"),
        (2, 12, 4, r"^train\.batch_size: got 12, must be a multiple of the 2 devices times 4 parts$"),
    ],
)
def test_batches_that_cannot_be_divided(replicas: int, batch: int, parts: int, line: str):
    with pytest.raises(ConfigError, match=line):
        Accelerator("gpu", replicas, jit_compile=False).check_batch(batch, "train.batch_size", parts)
    Accelerator("gpu", replicas, jit_compile=False).check_batch(16, "train.batch_size", parts)


def test_tensorflow_adds_gradients_up_on_one_device_alone():
    several = Accelerator("gpu", 2, jit_compile=False, strategy=SimpleNamespace())
    several.check_batch(8, "evolve.batch_size")
    with pytest.raises(ConfigError, match=r"^evolve\.accumulation: got 2, must be 1 on 2 devices .*KERAS_BACKEND=jax"):
        several.check_batch(8, "evolve.batch_size", 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("main()", 0, "does not start (JAX_PLATFORMS=cuda)"),
        (
            "main(lambda: prepare(AcceleratorConfig('auto', 'float32', 'auto')))",
            2,
            "accelerator.device: got auto, but JAX sees none (JAX_PLATFORMS=cuda)",
        ),
    ],
)
def test_a_platform_of_jax_that_is_not_there_is_told_in_one_line(code: str, status: int, said: str):
    """JAX itself fails by an assertion."""
    pytest.importorskip("jax")
    imports = (
        "from evopose2d.accelerator import prepare; from evopose2d.cli import main; "
        "from evopose2d.config.schema import AcceleratorConfig; "
    )
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cuda", "COLUMNS": "200"}
    command = [sys.executable, "-c", imports + code, "devices"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert finished.returncode == status, finished.stderr
    assert said in finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr

"""What a machine has to compute on, and what is said where a library does not use it."""

import os
from pathlib import Path

import pytest

from evopose2d.hardware import Hardware, gpu_megabytes, memory_environment, why_no_accelerator

_GPU = "NVIDIA L4"
_TABLE = """0, GPU-aa, 24576
1, GPU-bb, 81920
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine with two GPUs, as its driver's tool tells it."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncase $1 in *name*) echo '{_GPU}';; *) echo '{_TABLE.strip()}';; esac\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("nvidia_smi")
@pytest.mark.parametrize(
    ("visible", "sizes"), [(None, [24576, 81920]), ("1", [81920]), ("GPU-bb,0", [81920, 24576]), ("", []), ("-1", [])]
)
def test_memory_is_told_of_the_gpus_that_are_visible(visible: str | None, sizes: list[int], monkeypatch):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_megabytes() == sizes


@pytest.mark.usefixtures("nvidia_smi")
def test_gpus_are_found_without_any_numeric_library():
    hardware = Hardware.look()
    assert hardware.gpus == (_GPU,)
    assert hardware.driver
    assert "tensorflow" in hardware.packages


def test_without_the_drivers_tool_there_is_nothing(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_megabytes() == []
    assert Hardware.look().gpus == ()


@pytest.mark.parametrize(
    ("backend", "hardware", "reason"),
    [
        ("tensorflow", Hardware(), None),
        ("jax", Hardware(), None),
        ("tensorflow", Hardware((_GPU,), True), "there is a GPU (NVIDIA L4), but TensorFlow was installed without"),
        ("tensorflow", Hardware((_GPU,), True, packages={"nvidia-cudnn-cu12": "9"}), "TF_CPP_MIN_LOG_LEVEL=0"),
        ("jax", Hardware((_GPU,), True), "pip install 'evopose2d[cuda-jax]'"),
        ("jax", Hardware((_GPU,), True, packages={"jax-cuda12-plugin": "0.10"}), "JAX_PLATFORMS=cuda makes it say"),
        ("jax", Hardware((_GPU,), True, environment={"JAX_PLATFORMS": "cpu"}), "JAX_PLATFORMS=cpu hides it"),
        ("jax", Hardware((_GPU,), True, environment={"CUDA_VISIBLE_DEVICES": "-1"}), "CUDA_VISIBLE_DEVICES=-1 hides"),
        ("tensorflow", Hardware((), True), "there is an NVIDIA driver, but nvidia-smi tells of no GPU"),
        ("tensorflow", Hardware(tpus=4), "there are 4 TPU chips, but they need the JAX backend"),
        ("jax", Hardware(tpus=4), "pip install 'evopose2d[tpu]'"),
        ("jax", Hardware(tpus=4, packages={"libtpu": "0"}), "JAX_PLATFORMS=tpu makes it say why"),
    ],
)
def test_why_an_accelerator_is_not_used(backend: str, hardware: Hardware, reason: str | None):
    said = why_no_accelerator(hardware, backend)
    if reason is None:
        assert said is None
    else:
        assert reason in said
        assert "\n" not in said


@pytest.mark.parametrize(("gpus", "fraction"), [(0.0, None), (1.0, None), (2.0, None), (0.5, 0.475), (0.25, 0.2375)])
def test_a_process_takes_no_more_memory_than_its_share_of_a_gpu(gpus: float, fraction: float | None):
    environment = memory_environment(gpus)
    assert environment == ({} if fraction is None else {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{fraction:.4f}"})

"""What accelerators a machine has, whether or not a numeric library sees them, and why one does not.

Imports no numeric library: it is asked where one does not work.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

OWN_SHARE = 0.95
"""Of a process's share of a GPU's memory, what its library may take; the rest is what CUDA takes by itself."""

_PATIENCE = 20.0  # seconds; nvidia-smi hangs where a driver is broken
_CUDA_LIBRARIES = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
_JAX_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")
_TPU_LIBRARY = "libtpu"
_PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", *_JAX_PLUGINS, *_CUDA_LIBRARIES, _TPU_LIBRARY)


@dataclass(frozen=True)
class Hardware:
    """Accelerators of a machine, and the packages through which libraries reach them.

    Attributes:
        gpus: names of the NVIDIA GPUs that the driver tells of.
        driver: whether there is an NVIDIA driver.
        tpus: number of TPU chips that the system has devices of.
        packages: versions of the installed packages that matter, by name.
        environment: of this process.
    """

    gpus: tuple[str, ...] = ()
    driver: bool = False
    tpus: int = 0
    packages: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def look(cls) -> Self:
        """Look at this machine."""
        gpus = tuple(_nvidia_smi("name"))
        return cls(
            gpus=gpus,
            driver=bool(gpus) or Path("/proc/driver/nvidia/version").exists(),
            tpus=len([*Path("/dev").glob("accel[0-9]*"), *Path("/dev/vfio").glob("[0-9]*")]),
            packages=_installed(),
            environment=dict(os.environ),
        )


def gpu_megabytes() -> list[int]:
    """Return the memory in MiB of each GPU that this process may use, in the order in which libraries count them.

    Empty where the driver does not tell.
    """
    sizes = {}
    for row in _nvidia_smi("index,uuid,memory.total"):
        index, uuid, size = (cell.strip() for cell in row.split(","))
        sizes[index] = sizes[uuid] = int(size)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name for name in sizes if name.isdigit()] if visible is None else visible.split(",")
    return [sizes[name.strip()] for name in names if name.strip() in sizes]


def memory_environment(gpus: float) -> dict[str, str]:
    """Return the environment variables by which a process takes no more of a GPU's memory than its share.

    TensorFlow has none for that; ``accelerator.prepare`` limits it. JAX would take 75 % of each GPU for itself.

    Args:
        gpus: GPUs of the process; from 1 on, all of their memory is its own.
    """
    if not 0 < gpus < 1:
        return {}
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{gpus * OWN_SHARE:.4f}"}


def why_no_accelerator(hardware: Hardware, backend: str) -> str | None:
    """Return why a backend of Keras that sees the CPU alone does not see the machine's accelerator.

    Args:
        hardware: of the machine.
        backend: ``tensorflow`` or ``jax``.

    Returns:
        What is there, why it is not used and what helps, in one line; None where there is none.
    """
    if hardware.tpus:
        return _why_no_tpu(hardware, backend)
    if not hardware.driver:
        return None
    there = f"there is a GPU ({hardware.gpus[0]})" if hardware.gpus else "there is an NVIDIA driver"
    hidden = hardware.environment.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return f"{there}, but CUDA_VISIBLE_DEVICES={hidden} hides it"
    if not hardware.gpus:
        return f"{there}, but nvidia-smi tells of no GPU"
    why = _why_not_jax(hardware) if backend == "jax" else _why_not_tensorflow(hardware)
    return f"{there}, but {why}"


def _why_not_tensorflow(hardware: Hardware) -> str:
    if not any(name in hardware.packages for name in _CUDA_LIBRARIES):
        return "TensorFlow was installed without CUDA's libraries: pip install 'evopose2d[cuda]'"
    return "TensorFlow cannot load CUDA's libraries: TF_CPP_MIN_LOG_LEVEL=0 makes it say which"


def _why_not_jax(hardware: Hardware) -> str:
    platforms = hardware.environment.get("JAX_PLATFORMS")
    if platforms and not {"cuda", "gpu"} & set(platforms.split(",")):
        return f"JAX_PLATFORMS={platforms} hides it"
    if not any(name in hardware.packages for name in _JAX_PLUGINS):
        return "JAX was installed without its plugin for CUDA: pip install 'evopose2d[cuda-jax]'"
    return "JAX's plugin for CUDA does not start: JAX_PLATFORMS=cuda makes it say why"


def _why_no_tpu(hardware: Hardware, backend: str) -> str:
    there = f"there are {hardware.tpus} TPU chips"
    if backend != "jax":
        return f"{there}, but they need the JAX backend: set KERAS_BACKEND=jax"
    if _TPU_LIBRARY not in hardware.packages:
        return f"{there}, but JAX was installed without {_TPU_LIBRARY}: pip install 'evopose2d[tpu]'"
    platforms = hardware.environment.get("JAX_PLATFORMS")
    if platforms and "tpu" not in platforms.split(","):
        return f"{there}, but JAX_PLATFORMS={platforms} hides them"
    return f"{there}, but JAX cannot use them, as where another process does: JAX_PLATFORMS=tpu makes it say why"


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _nvidia_smi(columns: str) -> list[str]:
    command = ["nvidia-smi", f"--query-gpu={columns}", "--format=csv,noheader,nounits"]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return finished.stdout.splitlines()

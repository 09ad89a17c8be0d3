"""Where networks run: device choice, distribution over devices, numeric precision.

The same code trains on the TensorFlow backend of Keras (CPU, GPUs through ``MirroredStrategy``) and on its JAX
backend (``KERAS_BACKEND=jax``: TPU, GPU, CPU through ``keras.distribution``), where TensorFlow is not imported.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras

from evopose2d.config.schema import AcceleratorConfig
from evopose2d.errors import ConfigError
from evopose2d.hardware import OWN_SHARE, Hardware, gpu_megabytes, why_no_accelerator

if TYPE_CHECKING:
    import tensorflow as tf

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accelerator:
    """The devices that one process computes on.

    Attributes:
        device: ``cpu``, ``gpu`` or ``tpu``.
        replicas: number of devices that share a batch.
        jit_compile: whether XLA compiles the steps.
        strategy: TensorFlow's distribution strategy; None for one device and on JAX. Under a strategy, layers must
            share their batch statistics themselves; JAX computes them over the whole batch wherever it lies.
    """

    device: str
    replicas: int
    jit_compile: bool
    strategy: "tf.distribute.Strategy | None" = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.replicas} {self.device} device(s), XLA {'on' if self.jit_compile else 'off'}"

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Build networks, optimizers and compiled models inside this scope."""
        if self.strategy is None:
            yield
        else:
            with self.strategy.scope():
                yield

    def check_batch(self, batch_size: int, key: str, accumulation: int = 1) -> None:
        """Refuse a batch that cannot be divided among the devices.

        Args:
            batch_size: people in a batch.
            key: that sets it, such as ``train.batch_size``.
            accumulation: parts of a batch that are taken one after the other, by all devices each.

        Raises:
            ConfigError: names ``key``, the batch and the number of devices.
        """
        parts = f" times {accumulation} parts" if accumulation > 1 else ""
        if batch_size % (self.replicas * accumulation):
            raise ConfigError(f"{key}: got {batch_size}, must be a multiple of the {self.replicas} devices{parts}")
        if accumulation > 1 and self.strategy is not None:
            raise ConfigError(
                f"{key.partition('.')[0]}.accumulation: got {accumulation}, must be 1 on {self.replicas} devices of "
                "TensorFlow, which adds gradients up on one alone; set KERAS_BACKEND=jax for both"
            )


def prepare(config: AcceleratorConfig, gpu_share: float = 1.0) -> Accelerator:
    """Choose the devices and set Keras's dtype policy; call it once, before anything is built.

    Where it takes the CPU although the machine has an accelerator, it says why in one line.

    Args:
        config: ``device`` auto takes a TPU where the JAX backend sees one, else the GPUs, else the CPU.
        gpu_share: part of a GPU's memory, 0..1, that this process may take on TensorFlow; on JAX, an environment
            variable says so (``hardware.memory_environment``), because JAX takes the memory when it starts.

    Raises:
        ConfigError: the device asked for is not there, or not usable through the chosen Keras backend.
    """
    policy = "mixed_bfloat16" if config.precision == "bfloat16" else "float32"
    keras.config.set_dtype_policy(policy)
    on_jax = keras.backend.backend() == "jax"
    kind, devices = _jax_devices(config.device) if on_jax else _tensorflow_devices(config.device, gpu_share)
    if kind == "cpu" and config.device == "auto":
        reason = why_no_accelerator(Hardware.look(), keras.backend.backend())
        if reason is not None:
            logger.warning("computing on the CPU: %s; `evopose2d devices` says more", reason)
    strategy = _distribute(devices, on_jax=on_jax)
    # JAX without XLA runs operation by operation, each compiled by itself: for debugging alone.
    fast = on_jax or kind != "cpu"
    jit_compile = config.xla == "always" or (config.xla == "auto" and fast)
    return Accelerator(device=kind, replicas=len(devices), jit_compile=jit_compile, strategy=strategy)


def _tensorflow_devices(wanted: str, gpu_share: float) -> tuple[str, list[str]]:
    if wanted == "tpu":
        raise ConfigError("accelerator.device: got tpu, which needs the JAX backend: set KERAS_BACKEND=jax")
    import tensorflow as tf  # JAX must not need it

    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise ConfigError("accelerator.device: got gpu, but TensorFlow sees none; allowed here: auto, cpu")
    if gpus and wanted != "cpu":
        _limit_memory(gpus, gpu_share)
        return "gpu", [device.name for device in tf.config.list_logical_devices("GPU")]
    tf.config.set_visible_devices([], "GPU")
    return "cpu", [device.name for device in tf.config.list_logical_devices("CPU")]


def _limit_memory(gpus: list[Any], share: float) -> None:
    """Let TensorFlow take of each GPU what it needs, or a share of it and no more."""
    import tensorflow as tf

    sizes = gpu_megabytes() if share < 1 else []
    if share < 1 and not sizes:
        logger.warning("the GPU's memory is unknown (nvidia-smi tells nothing), it is shared as needed")
    for gpu, size in zip(gpus, sizes, strict=False):
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(size * share * OWN_SHARE))
        tf.config.set_logical_device_configuration(gpu, [limit])
    for gpu in gpus[len(sizes) :]:
        tf.config.experimental.set_memory_growth(gpu, True)


def _jax_devices(wanted: str) -> tuple[str, list[str]]:
    import jax

    if "tensorflow" in sys.modules:
        # Whoever imported it does not compute with it; left alone it would take the accelerator's memory from JAX.
        sys.modules["tensorflow"].config.set_visible_devices([], "GPU")
    kinds = ("tpu", "gpu", "cpu") if wanted == "auto" else (wanted,)
    for kind in kinds:
        # JAX asserts that something starts where JAX_PLATFORMS names a platform that is not installed.
        with contextlib.suppress(RuntimeError, AssertionError):
            devices = jax.devices(kind)
            jax.config.update("jax_default_device", devices[0] if len(devices) == 1 else None)
            # By the names that Keras has for devices: JAX's own differ between platforms.
            return kind, keras.distribution.list_devices(kind)
    platforms = os.environ.get("JAX_PLATFORMS")
    said = f" (JAX_PLATFORMS={platforms})" if platforms else ""
    raise ConfigError(f"accelerator.device: got {wanted}, but JAX sees none{said}; `evopose2d devices` says more")


def _distribute(devices: list[str], *, on_jax: bool) -> "tf.distribute.Strategy | None":
    if on_jax:
        several = len(devices) > 1
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices) if several else None)
        return None
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None

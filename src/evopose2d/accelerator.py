"""Where networks run: device choice, distribution over devices, numeric precision.

The same code trains on the TensorFlow backend of Keras (CPU, GPUs through ``MirroredStrategy``) and on its JAX
backend (``KERAS_BACKEND=jax``: TPU, GPU, CPU through ``keras.distribution``). TensorFlow feeds the data on both.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from evopose2d.config.schema import AcceleratorConfig
from evopose2d.errors import ConfigError


@dataclass(frozen=True)
class Accelerator:
    """The devices that one process computes on.

    Attributes:
        device: ``cpu``, ``gpu`` or ``tpu``.
        replicas: number of devices that share a batch.
        jit_compile: whether XLA compiles the steps.
        strategy: TensorFlow's distribution strategy; None for one device and on JAX.
    """

    device: str
    replicas: int
    jit_compile: bool
    strategy: tf.distribute.Strategy | None = field(default=None, repr=False)

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

    def check_batch(self, batch_size: int, key: str) -> None:
        """Refuse a batch that cannot be divided among the devices.

        Raises:
            ConfigError: names ``key``, the batch and the number of devices.
        """
        if batch_size % self.replicas:
            raise ConfigError(f"{key}: got {batch_size}, must be a multiple of the {self.replicas} devices")


def prepare(config: AcceleratorConfig) -> Accelerator:
    """Choose the devices and set Keras's dtype policy; call it once, before anything is built.

    Args:
        config: ``device`` auto takes a TPU where the JAX backend sees one, else the GPUs, else the CPU.

    Raises:
        ConfigError: the device asked for is not there, or not usable through the chosen Keras backend.
    """
    policy = "mixed_bfloat16" if config.precision == "bfloat16" else "float32"
    keras.config.set_dtype_policy(policy)
    on_jax = keras.backend.backend() == "jax"
    kind, devices = _jax_devices(config.device) if on_jax else _tensorflow_devices(config.device)
    strategy = _distribute(devices, on_jax=on_jax) if len(devices) > 1 else None
    jit_compile = config.xla == "always" or (config.xla == "auto" and kind != "cpu")
    return Accelerator(device=kind, replicas=len(devices), jit_compile=jit_compile, strategy=strategy)


def _tensorflow_devices(wanted: str) -> tuple[str, list[str]]:
    if wanted == "tpu":
        raise ConfigError("accelerator.device: got tpu, which needs the JAX backend: set KERAS_BACKEND=jax")
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise ConfigError("accelerator.device: got gpu, but TensorFlow sees none; allowed here: auto, cpu")
    if gpus and wanted != "cpu":
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        return "gpu", [device.name for device in tf.config.list_logical_devices("GPU")]
    tf.config.set_visible_devices([], "GPU")
    return "cpu", [device.name for device in tf.config.list_logical_devices("CPU")]


def _jax_devices(wanted: str) -> tuple[str, list[Any]]:
    import jax

    # TensorFlow only reads data here; left alone it would take the accelerator's memory from JAX.
    tf.config.set_visible_devices([], "GPU")
    kinds = ("tpu", "gpu", "cpu") if wanted == "auto" else (wanted,)
    for kind in kinds:
        with contextlib.suppress(RuntimeError):
            devices = jax.devices(kind)
            jax.config.update("jax_default_device", devices[0])
            return kind, devices
    raise ConfigError(f"accelerator.device: got {wanted}, but JAX sees only {jax.default_backend()}")


def _distribute(devices: list[Any], *, on_jax: bool) -> tf.distribute.Strategy | None:
    if on_jax:
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=[str(item) for item in devices]))
        return None
    return tf.distribute.MirroredStrategy(devices)

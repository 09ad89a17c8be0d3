"""Initial kernels drawn with NumPy: the same on every backend and device.

Keras's own initialisers give other values on other backends, and on JAX they compile once for each shape,
which makes up nearly all the time that building a network takes there.
"""

import math
from typing import Any, Literal

import keras
import numpy as np

_TRUNCATION = 2.0  # standard deviations
_TRUNCATED_DEVIATION = 0.87962566103423978  # of a standard normal distribution cut there


@keras.saving.register_keras_serializable(package="evopose2d")
class FanOutScaling(keras.Initializer):
    """Variance scaling by fan-out (He et al., arXiv 1502.01852, backward case): variance = scale / fan-out.

    It is ``keras.initializers.VarianceScaling(scale, mode="fan_out", distribution=...)`` in distribution.
    """

    def __init__(self, scale: float, distribution: Literal["truncated_normal", "uniform"], seed: int) -> None:
        """Choose the distribution.

        Args:
            scale: variance times fan-out.
            distribution: ``truncated_normal`` (cut at two standard deviations) or ``uniform``.
            seed: not negative; every call draws the same values.
        """
        self.scale = scale
        self.distribution = distribution
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:  # noqa: ANN401 - Keras's signature
        """Draw a kernel of ``shape`` (height, width, in, out), or (height, width, out, in) if transposed."""
        rng = np.random.default_rng(self.seed)
        fan_out = math.prod(shape[:-2]) * shape[-1]
        deviation = math.sqrt(self.scale / fan_out)
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            values = rng.uniform(-limit, limit, shape)
        else:
            values = _truncated_normal(rng, shape) * (deviation / _TRUNCATED_DEVIATION)
        return keras.ops.convert_to_tensor(values.astype(np.float32), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"scale": self.scale, "distribution": self.distribution, "seed": self.seed}


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > _TRUNCATION).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return values

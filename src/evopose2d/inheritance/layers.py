"""A network's weights as arrays, and its convolutions' kernels in one layout."""

import numpy as np
from numpy.typing import NDArray

from evopose2d.networks.recording import Convolution, Kind

Array = NDArray[np.floating]
LayerArrays = dict[str, dict[str, Array]]
"""Weights of a network: layer name, then weight name (``kernel``, ``gamma``, ...)."""


def kernel_of(weights: LayerArrays, convolution: Convolution) -> Array:
    """Return a kernel as (k, k, inputs, outputs), or (k, k, channels, 1) of a depthwise convolution, float64."""
    kernel = np.asarray(weights[convolution.name]["kernel"], np.float64)
    return kernel.swapaxes(2, 3) if convolution.kind is Kind.TRANSPOSED else kernel


def set_kernel(weights: LayerArrays, convolution: Convolution, kernel: Array) -> None:
    """Store a kernel that is laid out as ``kernel_of`` returns it, as float32."""
    stored = kernel.swapaxes(2, 3) if convolution.kind is Kind.TRANSPOSED else kernel
    weights[convolution.name]["kernel"] = np.ascontiguousarray(stored, np.float32)

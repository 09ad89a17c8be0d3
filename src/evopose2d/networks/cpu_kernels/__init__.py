"""Layers whose gradients are faster on a CPU than TensorFlow's own; networks are described and built without them.

``build`` takes them where ``are_faster`` says so. Weights, names and results are those of the plain layers, but for
rounding in training.
"""

from evopose2d.networks.cpu_kernels.factory import CpuLayerFactory
from evopose2d.networks.cpu_kernels.where import are_faster

__all__ = ["CpuLayerFactory", "are_faster"]

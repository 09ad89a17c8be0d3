"""The size of any built Keras network, counted layer by layer with the conventions of ``recording``."""

import math
from typing import Any

import keras

from evopose2d.networks.excitation import ExcitedConvolution
from evopose2d.networks.size import NetworkSize


def count_model(model: keras.Model) -> NetworkSize:
    """Count a built Functional network of convolutions, dense layers, pooling, sums and products.

    Args:
        model: network with a fixed input shape. Layers of other kinds count no operations.
    """
    return NetworkSize(
        parameters=model.count_params(),
        trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        multiply_adds=sum(_operations(layer) for layer in model.layers) // 2,
    )


def _operations(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.InputLayer):
        return 0
    outputs = _elements(keras.tree.flatten(layer.output)[0])
    return (
        _weighted_operations(layer)
        + _pooling_operations(layer)
        + _merging_operations(layer, outputs)
        + (2 * outputs if getattr(layer, "activation", None) is keras.activations.silu else 0)
    )


def _weighted_operations(layer: keras.Layer) -> int:
    if not isinstance(
        layer,
        keras.layers.Conv2D
        | keras.layers.DepthwiseConv2D
        | keras.layers.Conv2DTranspose
        | keras.layers.Dense
        | ExcitedConvolution,
    ):
        return 0
    bias = _elements(layer.output) if getattr(layer, "use_bias", False) else 0
    # A transposed convolution multiplies each input pixel with the kernel, the others do so for each output.
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    pixels = math.prod((layer.input if transposed else layer.output).shape[1:-1])
    return 2 * math.prod(layer.kernel.shape) * pixels + bias


def _pooling_operations(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.MaxPooling2D):
        return math.prod(layer.pool_size) * _elements(layer.output)
    averages = isinstance(layer, keras.layers.GlobalAveragePooling2D) or getattr(layer, "pooled", False)
    return _elements(layer.input) if averages else 0


def _merging_operations(layer: keras.Layer, outputs: int) -> int:
    if isinstance(layer, ExcitedConvolution):
        return _elements(layer.input[0])
    if not isinstance(layer, keras.layers.Add | keras.layers.Multiply):
        return 0
    return (len(layer.input) - 1) * outputs


def _elements(tensor: Any) -> int:  # noqa: ANN401 - a symbolic tensor of any backend
    return math.prod(tensor.shape[1:])

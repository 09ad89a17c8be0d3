"""Weights: files of this project and of the original, what they are of, ImageNet's."""

from evopose2d.weights.files import (
    LoadReport,
    layer_arrays,
    load_weights,
    read_arrays,
    read_keras_description,
    read_metadata,
    read_shapes,
    save_weights,
    set_layer_arrays,
)

__all__ = [
    "LoadReport",
    "layer_arrays",
    "load_weights",
    "read_arrays",
    "read_keras_description",
    "read_metadata",
    "read_shapes",
    "save_weights",
    "set_layer_arrays",
]

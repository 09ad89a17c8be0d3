"""Weight files as Keras 2 wrote them."""

import json
from collections.abc import Mapping

import h5py
import keras
import numpy as np


def write_keras_2(path, layers: Mapping[str, Mapping[str, object]], description: object = None) -> None:
    """Write weights (arrays, or shapes that stay zero), inside ``model_weights`` where there is a description."""
    with h5py.File(path, "w") as file:
        root = file
        if description is not None:
            text = description if isinstance(description, str | bytes) else json.dumps(description)
            file.attrs["model_config"] = text
            root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            group = root.create_group(name)
            stored = {f"{name}/{own}:0": value for own, value in weights.items()}
            group.attrs["weight_names"] = np.array([weight.encode() for weight in stored], dtype=bytes)
            for weight, value in stored.items():
                if isinstance(value, tuple):
                    group.create_dataset(weight, value, "float32")
                else:
                    group[weight] = value


def keras_arrays(network: keras.Model) -> dict[str, dict[str, np.ndarray]]:
    """Give a network's weights by layer and by the names of Keras 2."""
    names = {"kernel": "depthwise_kernel"}
    return {
        layer.name: {
            (names.get(weight.name, weight.name) if isinstance(layer, keras.layers.DepthwiseConv2D) else weight.name): (
                np.asarray(weight)
            )
            for weight in layer.weights
        }
        for layer in network.layers
    }


def randomise(network: keras.Model, seed: int) -> None:
    """Give every weight a random value that keeps features of a healthy size."""
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        values = []
        for weight in layer.weights:
            if weight.name in ("gamma", "moving_variance"):
                values.append(rng.uniform(0.5, 1.5, weight.shape))
            elif "kernel" in weight.name:
                values.append(rng.normal(0, np.sqrt(1 / np.prod(weight.shape[:-1])), weight.shape))
            else:
                values.append(rng.normal(0, 0.1, weight.shape))
        layer.set_weights(values)

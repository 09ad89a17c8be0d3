"""A file as Keras publishes them."""

import keras
import numpy as np
import pytest
from keras_files import keras_arrays, randomise, write_keras_2


@pytest.fixture(scope="session")
def efficientnet(tmp_path_factory):
    """EfficientNet-B0 of Keras with random weights, and its file in the layout of the published ones."""
    network = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(64, 64, 3))
    randomise(network, 0)
    normalization = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalization.set_weights([mean, deviation**2, np.array(0)])
    normalization.finalize_state()
    layers = keras_arrays(network)
    layers[normalization.name]["count"] = np.int64(0)
    path = tmp_path_factory.mktemp("imagenet") / "efficientnetb0_notop.h5"
    write_keras_2(path, layers)
    return network, path

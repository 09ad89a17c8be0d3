"""Where TensorFlow's own gradients are slow and layers bring theirs."""

import keras


def in_float32_on_cpu(layer: keras.Layer) -> bool:
    """Tell whether a layer computes in float32 on a CPU, on the TensorFlow backend."""
    if keras.backend.backend() != "tensorflow" or layer.compute_dtype != "float32":
        return False
    import tensorflow as tf  # the other backends must not need it

    return not tf.config.list_logical_devices("GPU")

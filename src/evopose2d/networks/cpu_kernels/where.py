"""Where TensorFlow's own gradients are slow and layers bring theirs."""

import keras


def are_faster() -> bool:
    """Return whether layers that are built now compute in float32 on a CPU, on the TensorFlow backend."""
    return _computes_here(keras.config.dtype_policy().compute_dtype)


def in_float32_on_cpu(layer: keras.Layer) -> bool:
    """Return whether a layer, which may have been built elsewhere, computes in float32 on a CPU, on TensorFlow."""
    return _computes_here(layer.compute_dtype)


def _computes_here(dtype: str) -> bool:
    if keras.backend.backend() != "tensorflow" or dtype != "float32":
        return False
    import tensorflow as tf  # the other backends must not need it

    return not (tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))

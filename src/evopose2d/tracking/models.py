"""Keras models in MLflow."""

from collections.abc import Mapping
from typing import Any


def log_keras_model(model: Any, name: str, tags: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - Keras, MLflow
    """Log a Keras model of one input and one output with its signature, the batch size left open, in the active run.

    Args:
        model: from images to heatmaps.
        name: name of the model within the run.
        tags: tags of the model.

    Returns:
        MLflow's description of the model.
    """
    import keras
    import mlflow.keras
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    def schema(tensor: Any, label: str) -> Schema:  # noqa: ANN401 - a symbolic tensor
        return Schema([TensorSpec(np.dtype(tensor.dtype), (-1, *tensor.shape[1:]), label)])

    signature = ModelSignature(inputs=schema(model.inputs[0], "images"), outputs=schema(model.outputs[0], "heatmaps"))
    # Named here, because MLflow would otherwise load the model once more in a process of its own to find them.
    requirements = [f"keras=={keras.__version__}", keras.backend.backend(), "evopose2d"]
    return mlflow.keras.log_model(
        model, name=name, signature=signature, pip_requirements=requirements, tags=dict(tags or {})
    )

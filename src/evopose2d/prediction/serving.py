"""Log a trained network to MLflow as a model that its server can run."""

from collections.abc import Mapping
from pathlib import Path

_NAME = "pose-service"


def log_pose_service(
    folder: Path,
    *,
    name: str = _NAME,
    registered_model_name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log a trained network, in the active MLflow run, as a model for ``mlflow models serve``.

    Args:
        folder: of the trained network, as ``save_pose_model`` writes it.
        name: of the logged model.
        registered_model_name: also register it under this name, as a new version.
        tags: of the logged model.

    Returns:
        The model's address, ``models:/...``, for ``mlflow models serve --env-manager local -m``.

    Raises:
        MlflowException: MLflow does not take it.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    # Of any type, because MLflow refuses whole numbers where it was promised others; the service checks boxes itself.
    inputs = Schema([ColSpec(DataType.string, "image"), ColSpec(AnyType(), "boxes", required=False)])
    logged = mlflow.pyfunc.log_model(
        name=name,
        python_model=str(Path(__file__).with_name("service.py")),
        artifacts={"network": str(folder)},
        signature=ModelSignature(inputs=inputs),
        # Named here, because MLflow would otherwise load the model once more in a process of its own to find them.
        pip_requirements=["evopose2d"],
        registered_model_name=registered_model_name,
        tags=dict(tags or {}),
    )
    return logged.model_uri

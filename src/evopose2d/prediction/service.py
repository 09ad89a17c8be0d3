"""A trained network behind MLflow's model server. MLflow runs this very file: nothing is pickled.

A request names images and boxes, one row an image:

.. code-block:: json

    {"dataframe_records": [{"image": "<JPEG or PNG in base64>", "boxes": [[x, y, width, height]]}]}

and is answered, one entry an image, with

.. code-block:: json

    {"predictions": [{"keypoints": [[[x, y, score]]], "scores": [score]}]}

Boxes are in image pixels, as COCO writes them; empty or left out, the whole image is one person. Of N people with K
keypoints, ``keypoints`` is N x K x 3 and ``scores`` N long.
"""

import base64
import binascii
import io
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from evopose2d.data.image_files import read_pixels
from evopose2d.errors import EvoPoseError
from evopose2d.prediction.estimator import PoseEstimator

ARTIFACT = "network"


class PoseService(mlflow.pyfunc.PythonModel):
    """Answers requests with keypoints."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow's own
        """Load the network from the folder that was logged with the model."""
        self._estimator = PoseEstimator(context.artifacts[ARTIFACT])

    def predict(
        self,
        context: Any,  # noqa: ANN401 - MLflow's own
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Answer one request.

        Args:
            context: MLflow's, not used.
            model_input: columns ``image`` and, if wanted, ``boxes``; see the module's description.
            params: not used.

        Raises:
            MlflowException: an image cannot be read or a box is none; the server answers with status 400.
        """
        try:
            images = [read_pixels(_content(text)) for text in model_input["image"]]
            given = model_input["boxes"] if "boxes" in model_input else [None] * len(images)
            poses = self._estimator.predict(images, [_boxes(boxes) for boxes in given])
        except EvoPoseError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        return [{"keypoints": found.tolist(), "scores": scores.tolist()} for found, scores in poses]


def _content(text: Any) -> io.BytesIO:  # noqa: ANN401 - whatever a client sent
    try:
        return io.BytesIO(base64.b64decode(text, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        raise EvoPoseError(f"image: must be JPEG or PNG in base64 ({error})") from None


def _boxes(boxes: Any) -> list[list[float]] | None:  # noqa: ANN401 - whatever a client sent
    # A row without boxes in a table with some is None or NaN.
    if boxes is None or isinstance(boxes, float) or not len(boxes):
        return None
    try:
        return [[float(number) for number in box] for box in boxes]
    except (TypeError, ValueError):
        raise EvoPoseError("boxes: must be a list of [x, y, width, height]") from None


set_model(PoseService())

"""Batch normalisation with swish after it, as one layer."""

from collections.abc import Sequence
from typing import Any

import keras

from evopose2d.networks.batch_norm import FusedBatchNormalization


@keras.saving.register_keras_serializable(package="evopose2d")
class NormalisedSwish(FusedBatchNormalization):
    """``FusedBatchNormalization`` and swish in one layer; the weights are those of the normalisation.

    Args:
        pooled: return a list of the features (B, h, w, C) and their means over all pixels (B, 1, 1, C).
        settings: of ``FusedBatchNormalization``.
    """

    activation = staticmethod(keras.activations.silu)

    def __init__(self, *, pooled: bool = False, **settings: Any) -> None:  # noqa: ANN401 - of Keras
        super().__init__(**settings)
        self.pooled = pooled

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ANN401 - tensors
        """Normalise, then return x * sigmoid(x); as ``FusedBatchNormalization`` otherwise."""
        outputs = self.activation(super().call(inputs, training=training, mask=mask))
        return [outputs, keras.ops.mean(outputs, axis=(1, 2), keepdims=True)] if self.pooled else outputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:  # noqa: ANN401 - one shape or a list
        """Return the features' shape, and that of their means where they are returned."""
        features = super().compute_output_shape(input_shape)
        return [features, (features[0], 1, 1, features[-1])] if self.pooled else features

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer anew."""
        return super().get_config() | {"pooled": self.pooled}

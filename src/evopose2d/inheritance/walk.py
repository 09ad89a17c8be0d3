"""Follow the distribution of features through a network, convolution by convolution."""

from collections.abc import Callable, Sequence

import numpy as np

from evopose2d.inheritance.layers import LayerArrays, kernel_of
from evopose2d.inheritance.statistics import (
    Features,
    activated,
    convolved,
    excited,
    image_features,
    normalised,
    pooled,
    sigmoid,
)
from evopose2d.networks.families.evopose2d import evopose2d, recorded
from evopose2d.networks.recording import Convolution
from evopose2d.networks.scaling import NetworkSpec

Visit = Callable[[Convolution, Features, Features], None]
"""Is given a convolution, the features that it reads, and those that it gives, without bias."""


def walk(spec: NetworkSpec, weights: LayerArrays, visit: Visit) -> None:
    """Visit each convolution in order.

    Args:
        spec: the network.
        weights: its weights. They are read as late as possible, so that a visit may change the convolution's bias or
            its normalisation, and what follows sees that.
        visit: called with each convolution.
    """
    convolutions = {convolution.name: convolution for convolution in recorded(spec).convolutions}
    evopose2d(_FeatureOperations(convolutions, weights, visit), image_features(), spec)


class _FeatureOperations:
    """Operations on distributions of features."""

    def __init__(self, convolutions: dict[str, Convolution], weights: LayerArrays, visit: Visit) -> None:
        self._convolutions = convolutions
        self._weights = weights
        self._visit = visit

    def channels(self, features: Features) -> int:
        return len(features.mean)

    def pad(self, features: Features, name: str, pixels: int) -> Features:
        return features  # at the border alone they would differ

    def convolution(
        self,
        features: Features,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: str = "same",
        use_bias: bool = False,
        activation: str | None = None,
    ) -> Features:
        given = self._convolved(features, name)
        if use_bias:
            given = Features(given.mean + self._weights[name]["bias"], given.covariance)
        if activation == "swish":
            return activated(given)
        return Features(sigmoid(given.mean), given.covariance) if activation == "sigmoid" else given

    def depthwise_convolution(self, features: Features, name: str, kernel: int, stride: int) -> Features:
        return self._convolved(features, name)

    def transposed_convolution(
        self, features: Features, name: str, channels: int, kernel: int, stride: int
    ) -> Features:
        return self._convolved(features, name)

    def excited_convolution(self, features: Features, weights: Features, name: str, channels: int) -> Features:
        return self._convolved(excited(features, weights.mean), name)

    def batch_norm(self, features: Features, name: str, epsilon: float = 1e-3) -> Features:
        return normalised(features, self._weights[name])

    def normalised_swish(self, features: Features, name: str) -> Features:
        return activated(self.batch_norm(features, name))

    def normalised_swish_with_mean(self, features: Features, name: str) -> tuple[Features, Features]:
        result = self.normalised_swish(features, name)
        return result, pooled(result)

    def relu(self, features: Features, name: str) -> Features:
        return activated(features, lambda values: np.maximum(values, 0))

    def max_pool(self, features: Features, name: str) -> Features:
        return features  # neighbours are alike

    def upsample(self, features: Features, name: str, factor: int) -> Features:
        return features  # between pixels that are alike

    def drop_connect(self, features: Features, name: str, rate: float) -> Features:
        return features

    def add(self, features: Sequence[Features], name: str) -> Features:
        first, *others = features
        for other in others:
            first = Features(first.mean + other.mean, first.covariance + other.covariance)
        return first

    def heatmaps(self, features: Features, name: str, keypoints: int, kernel: int) -> Features:
        return self._convolved(features, name)

    def _convolved(self, features: Features, name: str) -> Features:
        convolution = self._convolutions[name]
        given = convolved(features, kernel_of(self._weights, convolution), convolution)
        self._visit(convolution, features, given)
        return given

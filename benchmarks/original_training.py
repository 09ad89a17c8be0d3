"""The original's way of training, as a baseline: batch normalisation, L2 and Adam as its version of Keras had them.

What it does and in which order follows the original project of McNally et al. (arXiv 2011.08446): images come
normalised, in float32, with target heatmaps drawn on the host; the step is a ``GradientTape`` in a
``tf.function``; every convolution carries an L2 regulariser whose penalty is added up from ``model.losses``; Adam
updates each variable by one operation. ``tf-keras`` is the Keras 2 that the original was written for. The same
code over Keras 3's layers says what merely changing the library would have done.
"""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.config.schema import TrainConfig
from evopose2d.networks.scaling import BlockSpec, NetworkSpec

KERAS_2 = "tf_keras"
KERAS_3 = "keras"
_BASE_BATCH = 32
_PEAK = 255
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)

Tensor = Any  # a tensor of TensorFlow, or a symbolic one of either Keras


class OriginalTraining:
    """A network with the original's step.

    Args:
        spec: of the network.
        config: learning rate and L2 are taken from it, at the schedule's peak.
        library: ``KERAS_2`` or ``KERAS_3``.

    Attributes:
        network: from normalised images (B, H, W, 3) float32 to heatmaps (B, h, w, K) float32.

    Raises:
        ImportError: the library is not installed.
    """

    def __init__(self, spec: NetworkSpec, config: TrainConfig, library: str) -> None:
        keras = importlib.import_module(library)
        self.network = _Builder(keras, config.l2).network(spec)
        rate = config.learning_rate * config.batch_size / _BASE_BATCH
        # Keras 2 of the original's time had the optimizer that is called legacy today.
        optimizers = keras.optimizers.legacy if library == KERAS_2 else keras.optimizers
        self._optimizer = optimizers.Adam(rate)
        if library == KERAS_3:
            self._optimizer.build(self.network.trainable_variables)
        self._step = tf.function(self._one_step)

    def batches(self, *batch: NDArray[np.float32]) -> Iterator[tuple[Tensor, ...]]:
        """Yield one batch again and again, as the original's pipeline delivers it.

        Args:
            *batch: normalised images (B, H, W, 3), target heatmaps (B, h, w, K) and mask (B, K), all float32.
        """
        return iter(tf.data.Dataset.from_tensors(batch).repeat())

    def step(self, batches: Iterator[tuple[Tensor, ...]]) -> float:
        """Train on the next batch; return its loss without the L2 penalty."""
        return float(self._step(*next(batches)))

    def _one_step(self, images: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            heatmaps = self.network(images, training=True)
            loss = tf.reduce_mean(tf.square(heatmaps - targets) * mask[:, None, None, :])
            total = loss + tf.add_n(self.network.losses)
        variables = self.network.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return loss


class _Builder:
    """Builds the described network from the layers of one Keras; both take the same arguments."""

    def __init__(self, keras: ModuleType, l2: float) -> None:
        self._keras = keras
        self._layers = keras.layers
        self._l2 = l2

    def network(self, spec: NetworkSpec) -> Any:  # noqa: ANN401 - a model of either Keras
        layers = self._layers
        images = layers.Input((*spec.input_shape, 3))
        features = self._convolution("stem_conv", spec.stem_channels, spec.stem_kernel, spec.stem_stride)(images)
        features = self._normalised_swish(features, "stem_bn")
        for block in spec.blocks:
            features = self._bottleneck(features, block)
        for head in spec.head:
            features = layers.Conv2DTranspose(
                head.out_channels, head.kernel, use_bias=False, name=f"{head.name}_conv", **self._common(head.stride)
            )(features)
            features = self._normalised_swish(features, f"{head.name}_bn")
        heatmaps = self._convolution("final_conv", spec.keypoints, spec.final_kernel, bias=True)(features)
        return self._keras.Model(images, heatmaps)

    def _bottleneck(self, inputs: Tensor, block: BlockSpec) -> Tensor:
        layers, name, features = self._layers, block.name, inputs
        if block.expansion != 1:
            features = self._convolution(f"{name}_expand_conv", block.expanded_channels)(features)
            features = self._normalised_swish(features, f"{name}_expand_bn")
        features = layers.DepthwiseConv2D(
            block.kernel,
            strides=block.stride,
            padding="same",
            use_bias=False,
            depthwise_initializer=self._initializer(),
            name=f"{name}_dwconv",
        )(features)
        features = self._normalised_swish(features, f"{name}_bn")
        features = self._squeeze_excitation(features, f"{name}_se", block.squeeze_channels)
        features = self._convolution(f"{name}_project_conv", block.out_channels)(features)
        features = layers.BatchNormalization(name=f"{name}_project_bn")(features)
        if not block.has_skip:
            return features
        if block.drop_connect > 0:
            features = layers.Dropout(block.drop_connect, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(features)
        return layers.Add(name=f"{name}_add")([features, inputs])

    def _squeeze_excitation(self, features: Tensor, name: str, squeeze_channels: int) -> Tensor:
        channels = int(features.shape[-1])
        weights = self._layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(features)
        weights = self._layers.Reshape((1, 1, channels), name=f"{name}_reshape")(weights)
        weights = self._convolution(f"{name}_reduce", squeeze_channels, activation="swish", bias=True)(weights)
        weights = self._convolution(f"{name}_expand", channels, activation="sigmoid", bias=True)(weights)
        return self._layers.Multiply(name=f"{name}_excite")([features, weights])

    def _normalised_swish(self, features: Tensor, name: str) -> Tensor:
        features = self._layers.BatchNormalization(name=name)(features)
        return self._layers.Activation("swish", name=f"{name}_swish")(features)

    def _convolution(
        self,
        name: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        activation: str | None = None,
        *,
        bias: bool = False,
    ) -> Any:  # noqa: ANN401 - a layer of either Keras
        return self._layers.Conv2D(
            channels, kernel, activation=activation, use_bias=bias, name=name, **self._common(stride)
        )

    def _common(self, stride: int) -> dict[str, Any]:
        return {
            "strides": stride,
            "padding": "same",
            "kernel_initializer": self._initializer(),
            "kernel_regularizer": self._keras.regularizers.L2(self._l2),
        }

    def _initializer(self) -> Any:  # noqa: ANN401 - an initializer of either Keras
        return self._keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def host_batch(
    images: NDArray[np.uint8], keypoints: NDArray[np.float32], spec: NetworkSpec, sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Prepare a batch on the host, as the original does: images normalised, target heatmaps drawn.

    Args:
        images: (B, H, W, 3) RGB.
        keypoints: (B, K, 3) in crop pixels, with visibility.
        spec: of the network.
        sigma: standard deviation of a target's Gaussian in pixels of a heatmap 64 high.

    Returns:
        Images (B, H, W, 3), heatmaps (B, h, w, K) and mask (B, K).
    """
    height, width = spec.heatmap_shape
    x, y, visibility = np.moveaxis(keypoints, -1, 0)
    deviation = sigma * height / 64
    rows = _gaussian(y, height, spec.stride, deviation)
    columns = _gaussian(x, width, spec.stride, deviation)
    targets = _PEAK * rows[:, :, None, :] * columns[:, None, :, :]
    inside = (x >= 0) & (x < width * spec.stride) & (y >= 0) & (y < height * spec.stride)
    normalised = (images / np.float32(255) - _MEAN) / _STD
    return normalised.astype(np.float32), targets.astype(np.float32), (inside & (visibility > 0)).astype(np.float32)


def _gaussian(centres: NDArray[np.float32], length: int, stride: float, deviation: float) -> NDArray[np.floating]:
    pixels = np.arange(length)[None, :, None]
    nearest = np.floor(centres / stride + 0.5)[:, None, :]
    return np.exp(-(((pixels - nearest) / deviation) ** 2) / 2)

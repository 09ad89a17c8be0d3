"""Inference: people a second and latency, of the network alone and from JPEG bytes to keypoints."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from evopose2d.benchmarks.timing import Timing, time_calls
from evopose2d.data.image_files import read_pixels
from evopose2d.prediction.estimator import PoseEstimator
from evopose2d.stages.pose_model import PoseModel

NETWORK = "network alone"
END_TO_END = "end to end"
_IMAGE = (480, 640)  # height and width of most images of COCO
_QUALITY = 90


@dataclass(frozen=True)
class InferenceSpeed:
    """How fast one kind of inference is.

    Attributes:
        part: ``network alone`` (uint8 crops in memory to heatmaps on the device) or ``end to end`` (JPEG bytes of a
            640 x 480 image for each person: decoding it, crop, network, heatmaps to keypoints).
        batch_size: people at once.
        images_per_second: people, or images of one person, a second.
        p50_ms: milliseconds that half of the calls did not exceed; a call does one batch.
        p90_ms: the same of nine tenths.
        p99_ms: the same of all but one in a hundred.
        first_call_s: seconds of the very first call, in which the network is compiled; not part of the others.
    """

    part: str
    batch_size: int
    images_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    first_call_s: float


class _Heatmaps(keras.Model):
    """A network, with the flip test if wanted; gives each person's peak alone, to wait for without a large copy."""

    def __init__(self, network: keras.Model, *, flip_test: bool, jit_compile: bool) -> None:
        super().__init__(name="heatmaps", dtype="float32")
        self.network = network
        self.flip_test = flip_test
        self.compile(jit_compile=jit_compile or keras.backend.backend() == "jax")

    def call(self, images: Any, training: bool | None = None) -> Any:  # noqa: ANN401 - a tensor of any backend
        peak = ops.max(self.network(images, training=False), axis=(1, 2, 3))
        if self.flip_test:
            peak = peak + ops.max(self.network(ops.flip(images, axis=2), training=False), axis=(1, 2, 3))
        return peak


def measure(
    model: PoseModel,
    batch_sizes: Sequence[int],
    *,
    repeats: int,
    warm_up: int,
    flip_test: bool,
    decoding: str = "quarter-pixel",
    coordinates: str = "original",
    jit_compile: bool = False,
    seed: int = 0,
) -> Iterator[InferenceSpeed]:
    """Measure a network at several batch sizes, one result after the other.

    Args:
        model: the network; how fast it is does not depend on its weights.
        batch_sizes: people at once.
        repeats: timed calls of each.
        warm_up: calls before them, at least 1.
        flip_test: run each image mirrored as well.
        decoding: how peaks are found.
        coordinates: what heatmap pixels mean.
        jit_compile: whether XLA compiles the network.
        seed: of the pictures' content.
    """
    generator = np.random.default_rng(seed)
    height, width = model.config.input_shape
    network = _Heatmaps(model.network, flip_test=flip_test, jit_compile=jit_compile)
    content = _jpeg(generator)
    box = np.array([[200.0, 60.0, 160.0, 360.0]])
    for size in batch_sizes:
        crops = generator.integers(0, 255, (size, height, width, 3), np.uint8)
        estimator = PoseEstimator(
            model,
            flip_test=flip_test,
            decoding=decoding,
            coordinates=coordinates,
            batch_size=size,
            smallest_batch=size,
            jit_compile=jit_compile,
        )
        yield _speed(NETWORK, size, _timed(lambda crops=crops: network.predict_on_batch(crops), repeats, warm_up))  # type: ignore[misc]
        yield _speed(
            END_TO_END,
            size,
            _timed(
                lambda size=size, estimator=estimator: estimator.predict(  # type: ignore[misc]
                    [read_pixels(io.BytesIO(content)) for _ in range(size)], [box] * size
                ),
                repeats,
                warm_up,
            ),
        )


def _timed(call: Callable[[], object], repeats: int, warm_up: int) -> Timing:
    return time_calls(call, repeats=repeats, warm_up=warm_up)


def _speed(part: str, size: int, timing: Timing) -> InferenceSpeed:
    return InferenceSpeed(
        part=part,
        batch_size=size,
        images_per_second=timing.rate(size),
        p50_ms=1000 * timing.percentile(50),
        p90_ms=1000 * timing.percentile(90),
        p99_ms=1000 * timing.percentile(99),
        first_call_s=timing.first,
    )


def _jpeg(generator: np.random.Generator) -> bytes:
    """Return a JPEG file as large as a photograph of its size: smooth areas with some noise."""
    coarse = generator.integers(0, 255, (12, 16, 3), np.uint8)
    smooth = cv2.resize(coarse, _IMAGE[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float32)
    pixels = np.clip(smooth + generator.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1].tobytes()

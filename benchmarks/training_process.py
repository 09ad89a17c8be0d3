"""A process that trains one variant of ``train_step``: one step for each line ``step`` on its standard input.

Each answer is a line of JSON: ``loss`` without the L2 penalty, ``seconds`` of the step, ``cpu_seconds`` of the
process so far, ``peak_bytes``, the most memory that it has held, and ``device_peak_bytes``, the same of its first GPU
or TPU (0 on a CPU); this project's also says the network's
``multiply_adds``. A line ``peak`` is answered with ``operations_per_second`` of a large matrix product on the same
device. What a variant does not need is not imported, since the time to its second step counts.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.feeding import Arrays, Shapes
from evopose2d.importing import import_large

ORIGINAL, PLAIN, PROJECT = "original", "plain Keras 3", "this project"
VARIANTS = (ORIGINAL, PLAIN, PROJECT)
KEYPOINTS = 17
_STEPS = 1_000_000  # more than anybody waits for

OnStep = Callable[[float, dict[str, Any]], None]


def start_process(
    variant: str,
    params_file: Path,
    overrides: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[str]:
    """Start a process of this module, with its standard input and output as pipes.

    Args:
        variant: one of ``VARIANTS``.
        params_file: settings; ``overrides`` change some of them.
        environment: variables besides this process's.
        stderr: as ``subprocess.Popen`` takes it.
    """
    root = str(Path(__file__).parent.parent)  # this package is not installed, and the working folder may be another
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.training_process", variant, str(params_file), *overrides],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | {"PYTHONPATH": path} | dict(environment or {}),
    )


def train_endlessly(variant: str, params: Params, on_step: OnStep) -> None:
    """Train a variant's network on one random batch again and again.

    Args:
        variant: one of ``VARIANTS``.
        params: sections ``model``, ``train`` and ``accelerator``.
        on_step: told of the loss of each step, with what else is known, before the next begins; ends it by raising.
    """
    if variant == PROJECT:
        _train_as_project(params, on_step)
    else:
        _train_as_original(variant, params, on_step)


def random_batch(params: Params, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw images (B, H, W, 3) and keypoints (B, K, 3) in crop pixels, a third of them unlabelled."""
    rng = np.random.default_rng(seed)
    height, width = params.model.input_shape
    batch = params.train.batch_size
    images = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    positions = rng.uniform(0, (width, height), (batch, KEYPOINTS, 2))
    visibility = rng.integers(0, 3, (batch, KEYPOINTS, 1))
    return images, np.concatenate([positions, visibility], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class SameBatch:
    """One batch for all steps of an epoch."""

    batch: tuple[NDArray[np.uint8], NDArray[np.float32]]

    @property
    def shapes(self) -> Shapes:
        """Return the arrays' shapes and dtypes."""
        return [(array.shape, str(array.dtype)) for array in self.batch]

    def __len__(self) -> int:
        return _STEPS

    def __iter__(self) -> Iterator[Arrays]:
        return itertools.repeat(self.batch, _STEPS)


def _train_as_original(variant: str, params: Params, on_step: OnStep) -> None:
    from benchmarks.original_training import KERAS_2, KERAS_3, OriginalTraining, host_batch
    from evopose2d.networks.families.evopose2d import describe

    spec = describe(params.model, KEYPOINTS)
    training = OriginalTraining(spec, params.train, KERAS_2 if variant == ORIGINAL else KERAS_3)
    batches = training.batches(*host_batch(*random_batch(params), spec, params.train.sigma))
    while True:
        on_step(training.step(batches), {})


def _train_as_project(params: Params, on_step: OnStep) -> None:
    import_large("keras")
    from evopose2d.accelerator import prepare
    from evopose2d.networks.build import build_network
    from evopose2d.networks.model_counting import count_model
    from evopose2d.training.loop import TrainingTask, train

    accelerator = prepare(params.accelerator)
    with accelerator.scope():
        network = build_network(params.model, KEYPOINTS, seed=params.train.seed)
    known = {"multiply_adds": count_model(network).multiply_adds}
    task = TrainingTask(
        network=network,
        batches=lambda _: SameBatch(random_batch(params)),
        steps_per_epoch=_STEPS,
        validate=lambda: (0.0, 0.0),
        config=replace(params.train, epochs=1, warmup_epochs=0, schedule="cosine"),
    )
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
        train(task, accelerator, Path(folder), on_step=lambda loss: on_step(loss, known))


def matrix_operations_per_second(side: int, repeats: int = 5) -> float:
    """Measure how fast the device multiplies square matrices, in the type in which networks compute.

    Args:
        side: rows and columns of each.
        repeats: products that are timed; the fastest counts.
    """
    import keras

    ops = keras.ops
    matrix = ops.ones((side, side), dtype=keras.config.dtype_policy().compute_dtype)

    def seconds() -> float:
        start = time.perf_counter()
        float(ops.cast(ops.matmul(matrix, matrix)[0, 0], "float32"))  # NumPy has no bfloat16
        return time.perf_counter() - start

    seconds()
    return 2 * side**3 / min(seconds() for _ in range(repeats))


class _Conversation:
    """Reads requests and answers them, each step's before the next one is trained."""

    def __init__(self, requests: TextIO, answers: TextIO) -> None:
        self._requests = requests
        self._answers = answers
        self._start = 0.0

    def wait(self) -> None:
        """Wait until a step is asked for."""
        for line in self._requests:
            if line.strip() == "step":
                self._start = time.perf_counter()
                return
            self._answer({"operations_per_second": matrix_operations_per_second(_side())})
        raise SystemExit

    def on_step(self, loss: float, known: dict[str, Any]) -> None:
        """Answer what a step was, and wait until another one is asked for."""
        seconds = time.perf_counter() - self._start
        spent = {
            "seconds": seconds,
            "cpu_seconds": time.process_time(),
            "peak_bytes": peak_bytes(),
            "device_peak_bytes": _device_peak_bytes(),
        }
        self._answer({"loss": loss, **spent, **known})
        self.wait()

    def _answer(self, content: dict[str, Any]) -> None:
        self._answers.write(json.dumps(content) + "\n")
        self._answers.flush()


def _side() -> int:
    if os.environ.get("KERAS_BACKEND") == "jax":
        import jax

        return 2048 if jax.default_backend() == "cpu" else 8192
    import tensorflow as tf

    return 8192 if tf.config.list_logical_devices("GPU") else 2048


def main(variant: str, params_file: str, overrides: list[str]) -> None:
    """Answer each line until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    conversation = _Conversation(sys.stdin, answers)
    conversation.wait()
    train_endlessly(variant, load_params(Path(params_file), overrides), conversation.on_step)


def _device_peak_bytes() -> int:
    if os.environ.get("KERAS_BACKEND") == "jax":
        import jax

        statistics = jax.local_devices()[0].memory_stats() or {}
        return int(statistics.get("peak_bytes_in_use", 0))
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return 0
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

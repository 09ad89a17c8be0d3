"""A process that trains one variant of ``train_step``: one step for each line on its standard input.

Each answer is a line of JSON: ``loss`` without the L2 penalty, ``seconds`` of the step, ``cpu_seconds`` of the
process so far and ``peak_bytes``, the most memory that it has held. What a variant does not need is not imported,
since the time to its second step counts.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params

ORIGINAL, PLAIN, PROJECT = "original", "plain Keras 3", "this project"
VARIANTS = (ORIGINAL, PLAIN, PROJECT)
KEYPOINTS = 17


def make_step(variant: str, params: Params) -> Callable[[], float]:
    """Build a variant's network and step.

    Args:
        variant: one of ``VARIANTS``.
        params: sections ``model`` and ``train``.

    Returns:
        A function that trains on the same random batch again and gives its loss.
    """
    return _project_step(params) if variant == PROJECT else _original_step(variant, params)


def random_batch(params: Params, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw images (B, H, W, 3) and keypoints (B, K, 3) in crop pixels, a third of them unlabelled."""
    rng = np.random.default_rng(seed)
    height, width = params.model.input_shape
    batch = params.train.batch_size
    images = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    positions = rng.uniform(0, (width, height), (batch, KEYPOINTS, 2))
    visibility = rng.integers(0, 3, (batch, KEYPOINTS, 1))
    return images, np.concatenate([positions, visibility], axis=-1).astype(np.float32)


def _original_step(variant: str, params: Params) -> Callable[[], float]:
    from evopose2d.benchmarks.original_training import KERAS_2, KERAS_3, OriginalTraining, host_batch
    from evopose2d.networks.scaling import describe

    spec = describe(params.model, KEYPOINTS)
    training = OriginalTraining(spec, params.train, KERAS_2 if variant == ORIGINAL else KERAS_3)
    batches = training.batches(*host_batch(*random_batch(params), spec, params.train.sigma))
    return lambda: training.step(batches)


def _project_step(params: Params) -> Callable[[], float]:
    import tensorflow as tf

    from evopose2d.accelerator import prepare
    from evopose2d.networks.build import build_network
    from evopose2d.training.loop import trainable

    accelerator = prepare(params.accelerator)
    with accelerator.scope():
        network = build_network(params.model, KEYPOINTS, seed=params.train.seed)
        model = trainable(network, params.train, steps_per_epoch=1000, jit_compile=accelerator.jit_compile)
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(random_batch(params)).repeat())
    return lambda: float(model.train_function(batches)["loss"])


def main(variant: str, params_file: str, overrides: list[str]) -> None:
    """Answer each line until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    step = make_step(variant, load_params(Path(params_file), overrides))
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step()
        answer: dict[str, Any] = {
            "loss": loss,
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time(),
            "peak_bytes": _peak_bytes(),
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

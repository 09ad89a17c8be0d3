"""The training step: this project's beside the original's and beside plain Keras 3, each in a process of its own.

The processes take turns at one step each, so that a machine's other work hits all of them alike, and none pays for
what another imports.
"""

import importlib.util
import itertools
import json
import logging
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import compare, time_in_turn
from benchmarks.training_process import ORIGINAL, PROJECT, VARIANTS, start_process
from evopose2d.errors import TrainingError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepSpeed:
    """How one variant trains.

    Attributes:
        variant: its name.
        median_s: seconds of a step, in the middle.
        spread: difference of the third and the first quartile over the median.
        images_per_second: at the median.
        ratio: how many times the baseline's speed, the median over the rounds.
        cpu_s: processor seconds of a step, the median: what a busy machine changes least.
        cpu_ratio: the baseline's processor seconds over this variant's.
        second_step_s: seconds from the process's start to the end of its second step, the median over starts.
        second_step_cpu_s: processor seconds of the same.
        peak_mb: most memory that the process held, in 10^6 bytes.
        tera_operations: 10^12 operations a second at the median: two for each multiply-add, three times those of a
            forward pass.
        of_matrix_product: their share of what a large matrix product reaches on the same device.
        loss: of the last step, without the L2 penalty; this project's is the mean over its steps.
    """

    variant: str
    median_s: float
    spread: float
    images_per_second: float
    ratio: float
    cpu_s: float
    cpu_ratio: float
    second_step_s: float
    second_step_cpu_s: float
    peak_mb: float
    tera_operations: float
    of_matrix_product: float
    loss: float


class StepProcess:
    """A process that trains, and what it has answered."""

    def __init__(self, process: subprocess.Popen[str], variant: str, started: float) -> None:
        self._process = process
        self._variant = variant
        self.answers: list[dict[str, Any]] = []
        self.step()
        self.step()
        self.second_step_s = time.perf_counter() - started

    def step(self) -> None:
        """Train one step and wait for its end."""
        self.answers.append(self._ask("step"))

    def matrix_operations_per_second(self) -> float:
        """Let the process multiply large matrices."""
        return float(self._ask("peak")["operations_per_second"])

    def _ask(self, request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise TrainingError(f"benchmark: the process of {self._variant!r} ended; run it with --verbose to see why")
        return dict(json.loads(answer))

    @property
    def cpu_seconds(self) -> list[float]:
        """Processor seconds of each step after the second."""
        totals = [answer["cpu_seconds"] for answer in self.answers[1:]]
        return [after - before for before, after in itertools.pairwise(totals)]


def measure(
    params_file: Path,
    overrides: Sequence[str],
    *,
    architecture: str,
    batch_size: int,
    repeats: int,
    warm_up: int,
    starts: int,
) -> list[StepSpeed]:
    """Measure all variants that can run here.

    Args:
        params_file: settings of the network and its training.
        overrides: ``key=value`` settings that replace the file's.
        architecture: of the network, as the settings say.
        batch_size: images of a step, as the settings say.
        repeats: timed steps of each.
        warm_up: steps before them, beyond the first two.
        starts: processes started for each variant, at least 1; the last one's steps are timed.

    Raises:
        TrainingError: a process ends before its time.
    """
    variants = _variants(architecture)
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    cpu: dict[str, list[float]] = {variant: [] for variant in variants}

    def note(variant: str, trainer: StepProcess) -> StepProcess:
        seconds[variant].append(trainer.second_step_s)
        cpu[variant].append(trainer.answers[1]["cpu_seconds"])
        return trainer

    for _ in range(starts - 1):
        for variant in variants:
            with step_process(variant, params_file, overrides) as trainer:
                note(variant, trainer)
    with ExitStack() as stack:
        trainers = {
            variant: note(variant, stack.enter_context(step_process(variant, params_file, overrides)))
            for variant in variants
        }
        calls = {variant: trainer.step for variant, trainer in trainers.items()}
        timings = time_in_turn(calls, repeats=repeats, warm_up=max(1, warm_up))
        matrix_product = trainers[PROJECT].matrix_operations_per_second()
        operations = 6 * trainers[PROJECT].answers[-1]["multiply_adds"] * batch_size
    compared = compare(timings, units=batch_size, baseline=variants[0])
    cpu_s = {variant: statistics.median(trainer.cpu_seconds[-repeats:]) for variant, trainer in trainers.items()}
    return [
        StepSpeed(
            variant=each.variant,
            median_s=each.median_s,
            spread=each.spread,
            images_per_second=each.per_second,
            ratio=each.ratio,
            cpu_s=cpu_s[each.variant],
            cpu_ratio=cpu_s[variants[0]] / cpu_s[each.variant],
            second_step_s=statistics.median(seconds[each.variant]),
            second_step_cpu_s=statistics.median(cpu[each.variant]),
            peak_mb=trainers[each.variant].answers[-1]["peak_bytes"] / 1e6,
            tera_operations=operations / each.median_s / 1e12,
            of_matrix_product=operations / each.median_s / matrix_product,
            loss=trainers[each.variant].answers[-1]["loss"],
        )
        for each in compared
    ]


def _variants(architecture: str) -> list[str]:
    """Return the variants that can run here; the baselines are EvoPose2D's, and run on TensorFlow."""
    if architecture != "evopose2d" or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return [PROJECT]
    if importlib.util.find_spec("tf_keras") is None:
        logger.warning("the original's step is left out: it needs tf-keras, which the extra `benchmark` brings")
        return [variant for variant in VARIANTS if variant != ORIGINAL]
    return list(VARIANTS)


@contextmanager
def step_process(
    variant: str,
    params_file: Path,
    overrides: Sequence[str],
    environment: Mapping[str, str] | None = None,
    limit: float = threading.TIMEOUT_MAX,
) -> Iterator[StepProcess]:
    """Start a process that trains a variant, two steps far, and end it afterwards.

    Args:
        variant: one of ``VARIANTS``.
        params_file: settings; ``overrides`` change some of them.
        environment: variables besides this process's.
        limit: seconds after which the process is killed: on an accelerator, a program may hang.

    Raises:
        TrainingError: the process ends before its time, or is killed.
    """
    quiet = None if logger.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL
    started = time.perf_counter()
    with start_process(variant, params_file, overrides, environment=environment, stderr=quiet) as process:
        timer = threading.Timer(limit, process.kill)
        timer.start()
        try:
            yield StepProcess(process, variant, started)
        except TrainingError as error:
            if time.perf_counter() - started < limit:
                raise
            raise TrainingError(f"benchmark: {variant!r} took more than {limit:.0f} s") from error
        finally:
            timer.cancel()
            process.kill()

"""The memory that a training takes beside what ``evopose2d networks`` estimates, on a CPU.

Each training has a process of its own, in which kernels that accelerators do not have either are off. Its growth, from
when everything is imported to the most that it has held after three steps, holds what an accelerator would
hold, and the traced functions.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest import mock

import psutil

from benchmarks.training_process import KEYPOINTS, SameBatch, peak_bytes, random_batch
from evopose2d.config.catalogue import network_overrides
from evopose2d.config.loading import load_params
from evopose2d.errors import TrainingError

_STEPS = 3


@dataclass(frozen=True)
class TrainingMemory:
    """What training a network took.

    Attributes:
        network: its name.
        batch_size: images of a step.
        measured_mb: growth of the process at its peak, in 10^6 bytes.
        estimated_mb: what ``evopose2d networks`` says.
    """

    network: str
    batch_size: int
    measured_mb: float
    estimated_mb: float

    @property
    def ratio(self) -> float:
        """Return the estimate over what was measured."""
        return self.estimated_mb / self.measured_mb


def measure_memory(params_file: Path, network: str, batch_size: int) -> TrainingMemory:
    """Train a published network in float32 for three steps in a process of its own.

    Args:
        params_file: settings that the network's replace in part.
        network: its name.
        batch_size: images of a step.

    Raises:
        TrainingError: the process fails, for example for want of memory.
    """
    command = [sys.executable, "-m", "benchmarks.memory", str(params_file), network, str(batch_size)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise TrainingError(f"benchmark: training {network} in batches of {batch_size}: {reason}")
    return TrainingMemory(**json.loads(done.stdout.splitlines()[-1]))


class _EnoughStepsError(Exception):
    """Ends a training whose memory is known."""


def _measure_here(params_file: Path, network: str, batch_size: int) -> TrainingMemory:
    from evopose2d.accelerator import prepare
    from evopose2d.networks.build import build_network
    from evopose2d.networks.cpu_kernels import where
    from evopose2d.networks.summary import summarise
    from evopose2d.training.loop import TrainingTask, train

    settings = [f"train.batch_size={batch_size}", "train.accumulation=1", "accelerator.precision=float32"]
    params = load_params(params_file, [*network_overrides(network), *settings])
    estimated = summarise(params.model, KEYPOINTS).size.training_bytes(batch_size)
    accelerator = prepare(params.accelerator)
    steps = 0

    def count(loss: float) -> None:
        nonlocal steps
        steps += 1
        if steps == _STEPS:
            raise _EnoughStepsError

    with mock.patch.object(where, "_computes_here", lambda dtype: False), tempfile.TemporaryDirectory() as folder:
        before = psutil.Process().memory_info().rss
        task = TrainingTask(
            network=build_network(params.model, KEYPOINTS, seed=params.train.seed),
            batches=lambda _: SameBatch(random_batch(params)),
            steps_per_epoch=_STEPS + 1,
            validate=lambda: (0.0, 0.0),
            config=replace(params.train, epochs=1, warmup_epochs=0, schedule="cosine"),
        )
        with contextlib.suppress(_EnoughStepsError):
            train(task, accelerator, Path(folder), on_step=count)
    return TrainingMemory(network, batch_size, (peak_bytes() - before) / 1e6, estimated / 1e6)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_measure_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))) + "\n")

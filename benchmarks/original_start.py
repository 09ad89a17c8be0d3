"""How long the original takes from the start of a process, which it pays for each individual, to its second step."""

import importlib.util
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from benchmarks.training_process import ORIGINAL, start_process
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError, TrainingError
from evopose2d.files import write_text


@dataclass(frozen=True)
class OriginalStart:
    """What a process of the original took until its second step was done.

    Attributes:
        seconds: since its start.
        cpu_seconds: of processors.
    """

    seconds: float
    cpu_seconds: float


def start_original(params: Params, environment: Mapping[str, str], processes: int) -> list[OriginalStart]:
    """Start so many processes at once, and let each train two steps.

    Args:
        params: section ``model`` names the network, ``train`` the batch.
        environment: variables of the processes, besides this one's.
        processes: as many as individuals are trained at once.

    Raises:
        ConfigError: Keras 2 is not installed.
        TrainingError: a process ends before.
    """
    if importlib.util.find_spec("tf_keras") is None:
        raise ConfigError("the original needs tf-keras: pip install 'evopose2d[benchmark]', or pass --rounds 0")
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder, ThreadPoolExecutor(processes) as threads:
        file = Path(folder) / "params.yaml"
        write_text(file, yaml.safe_dump(asdict(params)))
        started = [threads.submit(_start, file, environment) for _ in range(processes)]
        return [each.result() for each in started]


def _start(params_file: Path, environment: Mapping[str, str]) -> OriginalStart:
    start = time.perf_counter()
    with start_process(ORIGINAL, params_file, environment=environment, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("step\nstep\n")
            process.stdin.flush()
            answers = [process.stdout.readline() for _ in range(2)]
            elapsed = time.perf_counter() - start
        finally:
            process.kill()
    if not all(answers):
        raise TrainingError("benchmark: the original's process ended before its second step")
    return OriginalStart(elapsed, json.loads(answers[1])["cpu_seconds"])

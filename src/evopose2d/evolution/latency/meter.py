"""The process that measures latencies: ``python -m evopose2d.evolution.latency.meter``.

It exports networks, or parts of them, one after the other, their weights random, for these do not change how long a
prediction takes. It reads a request a line from standard input, and answers each by a line on standard output.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from evopose2d.errors import EvoPoseError, SearchError
from evopose2d.export.latency import Latency, measure_file
from evopose2d.keypoints import KeypointSchema
from evopose2d.networks.parts import HEATMAPS, Part
from evopose2d.networks.registry import read_model

MODEL = "{model}"
"""What stands for the exported file in a command."""

_LEAST_TIMES = 3  # that a command has printed, in one run or in several
_PATIENCE = 900.0  # seconds


def measure(request: Mapping[str, Any]) -> Latency:
    """Measure a network or a part of one.

    Args:
        request: ``model`` of the network, or ``part``; ``keypoints``; ``source``, ``format``, ``command`` and
            ``threads`` as in ``evolve.latency``.

    Raises:
        SearchError: the command failed, or did not print milliseconds.
        ConfigError: the format cannot be written here.
    """
    name = request["format"] if request["source"] in ("command", "table") else request["source"]
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
        file = Path(folder) / f"model.{name}"
        input_shape = _export(name, file, request)
        if request["command"] is not None:
            return run_command(request["command"], file)
        return measure_file(name, file, input_shape, request["threads"])


def run_command(command: str, file: Path) -> Latency:
    """Have a command measure a file; it prints one or more times in milliseconds. It is run by no shell.

    Args:
        command: in which ``{model}`` stands for the file.
        file: an exported network.

    Raises:
        SearchError: the command failed, took too long, or did not print milliseconds.
    """
    arguments = [part.replace(MODEL, str(file)) for part in shlex.split(command)]
    times: list[float] = []
    while len(times) < _LEAST_TIMES:
        try:
            finished = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SearchError(f"evolve.latency.command: {error}") from None
        if finished.returncode != 0:
            said = (finished.stderr.strip() or finished.stdout.strip()).splitlines() or ["nothing"]
            raise SearchError(f"evolve.latency.command: ended with status {finished.returncode}, said: {said[-1]}")
        times += _times(finished.stdout)
    return Latency.of(times, stable=True)


def main() -> None:
    """Answer requests until standard input ends."""
    cores = [int(core) for core in sys.argv[1].split(",") if core] if len(sys.argv) > 1 else []
    if cores:
        os.sched_setaffinity(0, cores)
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        _answer(json.loads(line), answers)


def _answer(request: Mapping[str, Any], answers: TextIO) -> None:
    try:
        answer: dict[str, Any] = asdict(measure(request))
    except EvoPoseError as error:
        answer = {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - converters and runtimes raise any kind
        answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    answers.write(json.dumps(answer) + "\n")


def _export(name: str, file: Path, request: Mapping[str, Any]) -> tuple[int, int, int]:
    """Write a network, heatmaps to keypoints included, or a part of one; return (H, W, C) of what it reads."""
    import numpy as np

    from evopose2d.evaluation.keypoint_model import KeypointModel
    from evopose2d.evolution.working.memory import release_networks
    from evopose2d.export.formats import FORMATS, check_available
    from evopose2d.networks.build import build_network, build_part

    check_available(name)
    part = Part(**request["part"]) if "part" in request else None
    keypoints = KeypointSchema.from_json(request["keypoints"])
    try:
        network = build_part(part) if part else build_network(read_model(request["model"]), keypoints.count)
        input_shape: tuple[int, int, int] = network.input_shape[1:]
        whole = part is None or part.kind == HEATMAPS
        keypoint_model = KeypointModel(network, _reader(network, keypoints) if whole else _as_they_are)
        keypoint_model(np.zeros((1, *input_shape), np.uint8))  # which builds it
        FORMATS[name].write(keypoint_model, np.empty(0, np.uint8), file)
        return input_shape
    finally:
        release_networks()


def _reader(network: Any, keypoints: KeypointSchema) -> Any:  # noqa: ANN401 - of and on Keras, imported late
    from evopose2d.evaluation.decoding import Decoding, HeatmapReader

    stride = network.input_shape[1] // network.output_shape[1]
    return HeatmapReader(Decoding(False, "quarter-pixel", "original"), keypoints.flip_permutation, 2.0, stride)


def _as_they_are(features: Any, mirrored: Callable[[], Any]) -> Any:  # noqa: ANN401 - tensors
    del mirrored
    return features


def _times(printed: str) -> list[float]:
    words = re.sub(r"\bms\b", " ", printed).split()
    try:
        times = [float(word) for word in words]
    except ValueError:
        times = []
    if not times or min(times) <= 0:
        shown = " ".join(printed.split())[:80] or "nothing"
        raise SearchError(f"evolve.latency.command: printed {shown!r}, must print milliseconds above 0 alone")
    return times


if __name__ == "__main__":
    main()

"""How input pipelines grow with the cores that they may use."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evopose2d.errors import ConfigError

_LIMITED = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv.pop(1))])
from evopose2d.cli import main
main()
"""


@dataclass(frozen=True)
class Scaling:
    """How fast one pipeline is on some cores.

    Attributes:
        pipeline: which.
        cores: that it may use.
        people_per_second: median over the rounds.
        steps_per_second: batches of these people, what it could feed.
        times_fewest: people a second over those on the fewest cores.
        efficiency: that ratio over the ratio of cores; 1 is all that there is to gain.
    """

    pipeline: str
    cores: int
    people_per_second: float
    steps_per_second: float
    times_fewest: float
    efficiency: float


def counts(text: str) -> list[int]:
    """Return the numbers of a text such as ``1,2,4``.

    Raises:
        ConfigError: it is none.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--cores: got {text}, must be numbers with commas between, such as 1,2,4") from None


def measure_scaling(arguments: Sequence[str], numbers: Sequence[int], batch_size: int) -> list[Scaling]:
    """Run the benchmark of pipelines once for each number of cores, in a process that may use no more.

    Args:
        arguments: of ``evopose2d``, so that it prints the pipelines' speeds as JSON.
        numbers: of cores.
        batch_size: people in a batch.

    Raises:
        ConfigError: this process may not use so many cores, or the system cannot limit them.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise ConfigError("--cores: this system cannot limit a process to some cores, Linux can")
    available = len(os.sched_getaffinity(0))
    for count in numbers:
        if not 1 <= count <= available:
            raise ConfigError(f"--cores: got {count}, must be between 1 and {available}, the cores at hand")
    rates = {count: _rates(arguments, count) for count in sorted(set(numbers))}
    return summarise_scaling(rates, batch_size)


def summarise_scaling(rates: Mapping[int, Mapping[str, float]], batch_size: int) -> list[Scaling]:
    """Summarise people a second by number of cores and pipeline."""
    fewest = min(rates)
    return [
        Scaling(
            pipeline=name,
            cores=count,
            people_per_second=rate,
            steps_per_second=rate / batch_size,
            times_fewest=rate / rates[fewest][name],
            efficiency=rate / rates[fewest][name] * fewest / count,
        )
        for name in rates[fewest]
        for count in sorted(rates)
        for rate in [rates[count][name]]
    ]


def _rates(arguments: Sequence[str], count: int) -> dict[str, float]:
    command = [sys.executable, "-c", _LIMITED, str(count), *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if ended.returncode:
        raise ConfigError(f"--cores: the benchmark on {count} cores failed, see above")
    return {row["pipeline"]: row["people_per_second"] for row in json.loads(ended.stdout)}

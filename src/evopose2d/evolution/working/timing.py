"""Time a few steps of a training, in a worker: what the plan of a search is worked out from.

The module imports without TensorFlow, so that the driver can name the function; timing imports it.
"""

import contextlib
import json
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.working.births import BuiltNetwork
from evopose2d.evolution.working.individual import STEP, train_individual

_WARM = 3  # steps that trace, or find no memory at hand yet
_STEPS = 15  # that are timed


@dataclass(frozen=True)
class Timing:
    """What a training takes in a worker.

    Attributes:
        steps: in an epoch.
        step_seconds: of a step, median.
        step_error: relative standard error of that.
        first_start: seconds of a worker's first individual beyond its steps.
        later_start: the same of the next one, for which the worker keeps much at hand.
        validation_seconds: of a pass over the val people.
        memory_bytes: greatest memory of the process.
        weight_bytes: of a weight file.
    """

    steps: int
    step_seconds: float
    step_error: float
    first_start: float
    later_start: float
    validation_seconds: float
    memory_bytes: int
    weight_bytes: int

    @property
    def epoch_seconds(self) -> float:
        """Seconds of an epoch, its validation included."""
        return self.steps * self.step_seconds + self.validation_seconds

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Read what ``time_training`` returned in place of weights."""
        return cls(**json.loads(content))


class _EnoughError(Exception):
    """The steps that are to be timed have been made."""


def time_training(
    spec: IndividualSpec, params: Params, parent_weights: bytes | None
) -> tuple[IndividualResult | None, bytes]:
    """Make a few steps of an individual's training, and validate it once; nothing is kept of it.

    Returns:
        None, and a ``Timing`` as JSON.

    Raises:
        EvoPoseError: as training does.
    """
    from evopose2d.data.pipeline import steps_per_epoch

    first, _ = _few_steps(spec, params, parent_weights)
    later, taken = _few_steps(spec, params, parent_weights)
    step = float(np.median(taken))
    network = BuiltNetwork(params, spec.genotype)
    network.val_loss()  # traces
    begun = time.perf_counter()
    network.val_loss()
    validation = time.perf_counter() - begun
    timing = Timing(
        steps=steps_per_epoch(read_info(Path(params.write_tfrecords.root) / "train"), params.evolve.batch_size),
        step_seconds=step,
        step_error=float(taken.std() / step / np.sqrt(len(taken))),
        first_start=first,
        later_start=later,
        validation_seconds=validation,
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        weight_bytes=_weight_bytes(network),
    )
    return None, json.dumps(asdict(timing)).encode()


def _few_steps(spec: IndividualSpec, params: Params, parent_weights: bytes | None) -> tuple[float, np.ndarray]:
    """Begin to train; returns the seconds beyond the steps, and those of the steps that are timed."""
    started, ends = time.perf_counter(), list[float]()

    def observe(event: str) -> None:
        if event == STEP:
            ends.append(time.perf_counter())
            if len(ends) == _WARM + _STEPS:
                raise _EnoughError

    with contextlib.suppress(_EnoughError):
        train_individual(spec, params, parent_weights, observe)
    taken = np.diff([started, *ends])[-max(1, len(ends) - _WARM) :]
    return max(0.0, ends[-1] - started - len(ends) * float(np.median(taken))), taken


def _weight_bytes(network: BuiltNetwork) -> int:
    from evopose2d.weights import save_weights

    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
        file = Path(folder) / "weights.h5"
        save_weights(network.model.network, file)
        return file.stat().st_size

"""What one individual cost besides its training and its validation, from the times at which it came to what."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.stamps import (
    COLLECTED,
    DISPATCHED,
    IMPORTED,
    RECEIVED,
    RETURNED,
    SETTLED,
    TRACKED,
    TRACKING,
    WorkerStamps,
)
from evopose2d.evolution.individuals.spec import IndividualResult
from evopose2d.evolution.working.individual import BUILT, INITIALISED, STEP


@dataclass(frozen=True)
class IndividualCosts:
    """Seconds of one individual, one part after the other.

    Attributes:
        sending: from the driver to the worker; for a worker's first one its process starts.
        importing: TensorFlow and what else training needs.
        building: the network with random weights.
        inheriting: reading the parent's weights and giving them to the network.
        first_step: with the opening of the data and the tracing of the step.
        second_step: of training.
        start_up: all of the above: from the individual's dispatch to its second step.
        start_up_cpu: processor seconds of the worker for it, without its process's own start.
        first_validation: by how much it took longer than the second one, for its tracing.
        finishing: saving states and weights, giving back memory.
        returning: from the worker to the driver.
        keeping: writing weights and result, telling the study, asking for the next and dispatching it.
        tracking: in MLflow, beside the driver.
        besides: the last five: everything else outside training and validation.
    """

    sending: float
    importing: float
    building: float
    inheriting: float
    first_step: float
    second_step: float
    start_up: float
    start_up_cpu: float
    first_validation: float
    finishing: float
    returning: float
    keeping: float
    tracking: float
    besides: float


@dataclass(frozen=True)
class Pace:
    """How fast an individual is trained and judged when all is traced.

    Attributes:
        step: seconds of a training step.
        person: seconds of validation for a person.
    """

    step: float
    person: float


@dataclass(frozen=True)
class Measured:
    """An individual whose costs are known.

    Attributes:
        number: of the individual.
        process: id of its worker's process.
        costs: besides training and validation.
        pace: of training and validation.
    """

    number: int
    process: int
    costs: IndividualCosts
    pace: Pace


def measured(
    result: IndividualResult, worker: WorkerStamps, driver: Mapping[str, float], *, batch_size: int, val_people: int
) -> Measured:
    """Work out an individual's costs and pace.

    Args:
        result: of two epochs; the second one's time is that of training and validation alone.
        worker: times in the worker.
        driver: times in the driver, by event.
        batch_size: people of a step.
        val_people: judged after each epoch.
    """
    at = dict(worker.stamps)  # of several steps, the last
    steps = [when for event, when in worker.stamps if event == STEP]
    count = len(steps) // 2
    training = [count * batch_size / epoch.images_per_second for epoch in result.epochs]
    validation = [epoch.seconds - trained for epoch, trained in zip(result.epochs, training, strict=True)]
    first_epoch_end = steps[count - 1]
    start_up = steps[1] - driver[DISPATCHED]
    parts = {
        "first_validation": validation[0] - validation[1],
        "finishing": at[RETURNED] - first_epoch_end - validation[0] - result.epochs[1].seconds,
        "returning": driver[COLLECTED] - at[RETURNED],
        "keeping": driver[SETTLED] - driver[COLLECTED],
        "tracking": driver[TRACKED] - driver[TRACKING],
    }
    costs = IndividualCosts(
        sending=at[RECEIVED] - driver[DISPATCHED],
        importing=at[IMPORTED] - at[RECEIVED],
        building=at[BUILT] - at[IMPORTED],
        inheriting=at[INITIALISED] - at[BUILT],
        first_step=steps[0] - at[INITIALISED],
        second_step=steps[1] - steps[0],
        start_up=start_up,
        start_up_cpu=worker.cpu_seconds,
        **parts,
        besides=sum(parts.values()),
    )
    return Measured(result.number, worker.process, costs, Pace(training[1] / count, validation[1] / val_people))

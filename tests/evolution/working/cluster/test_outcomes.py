"""Whose fault a failed task is."""

import pytest
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    OwnerDiedError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from evopose2d.errors import DataError, SearchError, TrainingError, WeightsError
from evopose2d.evolution.working.cluster.outcomes import is_suspect, lost, unfit
from evopose2d.evolution.working.engine import Fault


def raised(cause: Exception) -> RayTaskError:
    return RayTaskError("work", "\x1b[36mTraceback\x1b[39m\n  somewhere", cause)


@pytest.mark.parametrize(
    ("error", "alone", "fault", "mendable"),
    [
        (raised(TrainingError("the loss became nan")), True, Fault.INDIVIDUAL, None),
        (raised(ValueError("of a layer")), True, Fault.INDIVIDUAL, None),
        (raised(MemoryError()), True, Fault.INDIVIDUAL, None),
        (raised(OSError(28, "No space left on device")), True, Fault.MACHINE, None),
        (raised(DataError("no records")), True, Fault.INDIVIDUAL, DataError),
        (WorkerCrashedError(), True, Fault.INDIVIDUAL, None),
        (NodeDiedError("gone"), False, Fault.DEPARTURE, None),
        (NodeDiedError("gone"), True, Fault.INDIVIDUAL, SearchError),
        (OwnerDiedError("00", None, ""), False, Fault.DEPARTURE, None),
        (LocalRayletDiedError(), False, Fault.INDIVIDUAL, SearchError),
    ],
)
def test_whose_fault_it_is(error: RayError, alone: bool, fault: Fault, mendable: type | None):
    outcome = lost(7, error, alone=alone)
    assert (outcome.number, outcome.fault) == (7, fault)
    assert outcome.mendable is None if mendable is None else isinstance(outcome.mendable, mendable)
    assert "\n" not in outcome.error and "\x1b" not in outcome.details


def test_a_process_that_dies_where_all_die_is_its_machines_fault():
    outcome = lost(7, WorkerCrashedError(), alone=True, barren=["here", "there"])
    assert outcome.fault is Fault.MACHINE
    assert outcome.error.startswith("processes die at once on here, there;")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (raised(ImportError("libcudart.so.12: cannot open shared object file")), "cannot run the project"),
        (raised(RuntimeError("The remote function failed to import on the worker")), "cannot run the project"),
        (RuntimeEnvSetupError("pip failed"), "cannot run the project"),
        (raised(DataError("no records")), "no records"),
        (raised(WeightsError("weights of individual 3")), ""),
        (raised(TrainingError("the loss became nan")), ""),
        (raised(MemoryError()), ""),
        (WorkerCrashedError(), ""),
        (NodeDiedError("gone"), ""),
    ],
)
def test_on_which_machine_no_individual_can_be_trained(error: RayError, reason: str):
    assert unfit(error, lost(7, error, alone=False)).startswith(reason)
    assert bool(unfit(error, lost(7, error, alone=False))) == bool(reason)


def test_a_machine_where_all_processes_die_trains_none():
    error = WorkerCrashedError()
    assert unfit(error, lost(7, error, alone=False, barren=["here"]), ["here"]).startswith("processes die at once")


def test_what_the_project_raises_is_not_held_against_the_machine():
    assert not is_suspect(raised(TrainingError("the loss became nan")))
    assert is_suspect(raised(MemoryError())) and is_suspect(WorkerCrashedError())

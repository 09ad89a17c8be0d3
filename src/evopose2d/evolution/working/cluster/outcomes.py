"""What Ray tells of a task that failed, and whose fault it was."""

import re
from collections.abc import Sequence

from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    TaskUnschedulableError,
)

from evopose2d.errors import EvoPoseError, SearchError, TrainingError, WeightsError
from evopose2d.evolution.working.engine import Fault, Lost

_ERROR_LENGTH = 300
_NOT_IMPORTED = re.compile(r"No module named|failed to import|cannot import name|cannot open shared object")
_GONE = (NodeDiedError, ObjectLostError, TaskUnschedulableError)


def lost(number: int, error: RayError, *, alone: bool, barren: Sequence[str] = ()) -> Lost:
    """Tell what became of an individual from what Ray raised.

    Args:
        number: the individual.
        error: raised when its result was asked for.
        alone: whether Ray runs on this machine alone, so that a machine that is gone is this one's Ray.
        barren: hosts on which a process that does nothing dies as well.
    """
    if isinstance(error, RayTaskError):
        return _raised(number, error)
    name = type(error).__name__
    if isinstance(error, LocalRayletDiedError) or (alone and isinstance(error, NodeDiedError)):
        return Lost(number, name, str(error), mendable=ray_ended("raylet"))
    if isinstance(error, _GONE):
        return Lost(number, f"its machine is gone: {name}", str(error), fault=Fault.DEPARTURE)
    if barren:
        what = f"processes die at once on {', '.join(barren)}; is the disk of the temporary folder there full?"
        return Lost(number, one_line(what), str(error), fault=Fault.MACHINE)
    return Lost(number, one_line(f"its process ended: {name}"), str(error))


def unfit(error: RayError, outcome: Lost, barren: Sequence[str] = ()) -> str:
    """Return why no individual can be trained where this one failed; "" where others may do better there.

    Args:
        error: raised when the individual's result was asked for.
        outcome: what ``lost`` made of it.
        barren: as for ``lost``.
    """
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, RuntimeEnvSetupError | ImportError) or (
        isinstance(error, RayTaskError) and not isinstance(cause, EvoPoseError) and _NOT_IMPORTED.search(str(cause))
    ):
        return f"cannot run the project ({one_line(repr(cause))})"
    if barren:
        return "processes die at once; is the disk of the temporary folder full?"
    # Of an individual's parent, which is no machine's fault.
    if outcome.mendable is not None and isinstance(error, RayTaskError) and not isinstance(cause, WeightsError):
        return str(outcome.mendable)
    return ""


def is_suspect(error: RayError) -> bool:
    """Return whether the machine may be at fault: what the project itself raises is told by the network."""
    return not (isinstance(error, RayTaskError) and isinstance(error.cause, EvoPoseError))


def ray_ended(process: str) -> SearchError:
    """Return the error of a search whose Ray is gone."""
    where = "of the cluster" if process == "GCS" else "on this machine"
    return SearchError(f"Ray's {process} {where} has ended; the same command goes on from here")


def one_line(text: str) -> str:
    """Put a message of any length on one line."""
    return " ".join(text.split())[:_ERROR_LENGTH]


def _raised(number: int, error: RayTaskError) -> Lost:
    cause, details = error.cause, re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    if isinstance(cause, EvoPoseError):
        mendable = None if isinstance(cause, TrainingError) else cause
        return Lost(number, one_line(str(cause)), details, mendable)
    # Of files, disks and connections; a network that is too large for a machine raises others.
    fault = Fault.MACHINE if isinstance(cause, OSError) else Fault.INDIVIDUAL
    return Lost(number, one_line(repr(cause)), details, fault=fault)

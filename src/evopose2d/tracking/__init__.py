"""MLflow: what people compare. It can be rebuilt from what the project's own files hold.

A tracking server that does not answer costs a warning, never the work that was to be tracked.
"""

from evopose2d.tracking.connection import TrackingError
from evopose2d.tracking.runs import TrackedRun, flatten, tracked_run

__all__ = ["TrackedRun", "TrackingError", "flatten", "tracked_run"]

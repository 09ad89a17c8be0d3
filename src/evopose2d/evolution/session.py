"""What one run of a search's driver works with."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from evopose2d.errors import Interrupted
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.progress import Status
from evopose2d.evolution.signals import StopRequest
from evopose2d.evolution.tracking.tracker import BackgroundTracking
from evopose2d.evolution.working.engine import Engine, ParentWeights


@dataclass(frozen=True)
class Session:
    """What one run of a search's driver works with.

    Attributes:
        store: the search directory.
        engine: trains.
        tracking: records what is finished.
        stop: whether a stop has been asked for.
        show: shows a status.
        clock: returns seconds that only grow.
        initial: weights that the ancestor starts from, and each finalist; None: random ones.
    """

    store: SearchStore
    engine: Engine
    tracking: BackgroundTracking
    stop: StopRequest
    show: Callable[[Status], None] = lambda status: None
    clock: Callable[[], float] = time.monotonic
    initial: ParentWeights | None = None

    def raise_if_stopped(self, done: str) -> None:
        """Raise where a stop has been asked for.

        Args:
            done: how far the search has come, in words.

        Raises:
            Interrupted: a stop was asked for.
        """
        if self.stop.requested:
            raise Interrupted(
                f"stopped with {done}; the same command goes on, and trains those anew that were being trained"
            )

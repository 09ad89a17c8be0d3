"""A driver that a test can have killed at any stage: ``python fault_driver.py FOLDER JSON``.

The JSON object holds ``engine`` (ray or inline), ``kill`` (a stage, or null), ``at`` (the individual), what the trainer
is to do, ``measured`` (true for a search whose networks are measured) and ``dies_at`` (the measurement), and ``mlflow``
where the search is recorded there: an address.
"""

import json
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

from search_doubles import MEASURED, FileTracker, InlineEngine, NotedMeter, Trainer, gauged, make_params

from evopose2d.errors import EvoPoseError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.files import replacing


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class KilledStore(SearchStore):
    """Kills the driver before, between or after its writes."""

    kill = ""
    at = 0

    def write_weights(self, number, weights):
        if (self.kill, self.at) == ("within weights", number):
            with replacing(self.weights_path(number)) as half:
                half.write_bytes(weights[: len(weights) // 2])
                die()
        super().write_weights(number, weights)

    def write_result(self, result):
        if (self.kill, self.at) == ("between weights and result", result.number):
            die()
        super().write_result(result)
        if (self.kill, self.at) == ("between result and tell", result.number):
            die()


class KilledTracker(FileTracker):
    """Kills the driver when it is to record an individual."""

    kill = ""
    at = 0

    def finished(self, result, folder):
        if (self.kill, self.at) == ("between tell and tracking", result.number):
            die()
        super().finished(result, folder)


def main() -> None:
    folder, scenario = Path(sys.argv[1]), json.loads(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("ray").setLevel(logging.ERROR)
    measured = MEASURED if scenario.get("measured") else ()
    uri = scenario.get("mlflow")
    tracking = [f"tracking.uri={uri}", "tracking.log_model=false"] if uri else []
    params = make_params(folder, *tracking, *measured, *scenario.get("overrides", []))
    faults = {name: tuple(scenario.get(name, ())) for name in ("dies_once", "dies", "diverges")}
    trainer = Trainer(folder / "notes", seconds=scenario.get("seconds", 0.0), **faults)
    KilledStore.kill = KilledTracker.kill = scenario.get("kill") or ""
    KilledStore.at = KilledTracker.at = scenario.get("at", 0)
    engine = partial(ray_workers if scenario["engine"] == "ray" else InlineEngine, trainer=trainer)
    try:
        if uri:
            from evopose2d.evolution import tracked

            tracked.run(params, engine=engine, store=KilledStore)
        else:
            search.run(
                params,
                KilledTracker(folder / "tracked"),
                engine=engine,
                store=KilledStore,
                latencies=partial(gauged, measure=NotedMeter(folder / "notes", scenario.get("dies_at"))),
            )
    except EvoPoseError as error:
        sys.stderr.write(f"evopose2d: {error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()

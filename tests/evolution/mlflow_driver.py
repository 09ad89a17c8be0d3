"""Tracked searches that are killed within MLflow: ``python mlflow_driver.py FOLDER URI CALL:AT ...``.

CALL is a method of MLflow's client, AT how many calls of it are let through before the process dies in the next
one, after MLflow has done what it was asked for; ``none:0`` lets all through. Each runs the search of FOLDER in a
process of its own, forked off here because to import all of it takes seconds. Prints how each process ended.
"""

import json
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from search_doubles import InlineEngine, Trainer, make_params

from evopose2d.evolution import tracked
from evopose2d.evolution.results import report
from evopose2d.evolution.tracking import records

SETTINGS = (
    "evolve.generations=1",
    "evolve.children=3",
    "evolve.parents=1",
    "evolve.attempts=1",
    "tracking.log_model=false",
)


def die_in(name: str, let_through: int) -> None:
    """Have the client's method kill the process once it was called that often."""
    real, calls = getattr(MlflowClient, name), []

    def deadly(*arguments, **options):
        answer = real(*arguments, **options)
        calls.append(1)
        if len(calls) > let_through:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(MlflowClient, name, deadly)


def search(folder: Path, uri: str, call: str, at: int) -> None:
    """Run the search, or go on with it."""
    for module in (records, report):  # drawings take most of the time
        module.save_figure = lambda figure, path: path.touch()
    if call != "none":
        die_in(call, at)
    params = make_params(folder, *SETTINGS, f"tracking.uri={uri}")
    tracked.run(params, engine=partial(InlineEngine, trainer=Trainer(folder / "notes", diverges=(2,))))


def main() -> None:
    folder, uri = Path(sys.argv[1]), sys.argv[2]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    ends = []
    for step in sys.argv[3:]:
        call, at = step.split(":")
        child = os.fork()
        if not child:
            search(folder, uri, call, int(at))
            os._exit(0)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main()

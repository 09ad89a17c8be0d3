"""A tracked search that a test can have killed within MLflow: ``python mlflow_driver.py FOLDER URI CALL AT``.

CALL is a method of MLflow's client, AT how many calls of it are let through before the process dies in the next
one, after MLflow has done what it was asked for; ``none`` lets all through.
"""

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from search_doubles import InlineEngine, Trainer, make_params

from evopose2d.evolution import records, report, tracked

SETTINGS = ("evolve.generations=1", "evolve.children=3", "evolve.attempts=1", "tracking.log_model=false")


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


def main() -> None:
    folder, uri, call, at = Path(sys.argv[1]), *sys.argv[2:5]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for module in (records, report):  # drawings take most of the time
        module.save_figure = lambda figure, path: path.touch()
    if call != "none":
        die_in(call, int(at))
    params = make_params(folder, *SETTINGS, f"tracking.uri={uri}")
    tracked.run(params, engine=partial(InlineEngine, trainer=Trainer(folder / "notes", diverges=(2,))))


if __name__ == "__main__":
    main()

"""Drivers whose processes a test kills, and what their searches must have come to all the same."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from process_marks import kill_marked, listening_addresses, marked
from search_doubles import FileTracker, make_params, population, trained

from evopose2d.evolution.individuals.store import SearchStore

DRIVER = Path(__file__).parent / "fault_driver.py"
MARK = "FAULT_TEST"
PATIENCE = 600  # seconds, for a machine that is busy


class Running:
    """A driver process, with all of the processes that it starts.

    Args:
        folder: of the search.
        inside: command within which the driver is started.
        scenario: what ``fault_driver`` takes.
    """

    def __init__(self, folder: Path, *, inside: Sequence[str] = (), **scenario) -> None:
        self.folder = folder
        command = [*inside, sys.executable, str(DRIVER), str(folder), json.dumps(scenario)]
        environment = {**os.environ, MARK: str(folder)}
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait(self) -> tuple[int, str]:
        """Give the exit status and what was said, once the driver has ended; standard output must stay empty."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        assert output == ""
        return self.process.returncode, errors

    def wait_until_training(self, number: int) -> None:
        begun = self.folder / "notes" / f"training-{number}"
        wait_until(lambda: begun.exists() or self.process.poll() is not None)
        assert begun.exists(), self.wait()

    def kill_everything(self) -> None:
        kill_marked(MARK, self.folder)

    def check_loopback(self) -> None:
        """Nothing that the driver started listens to other machines."""
        addresses = listening_addresses(marked(MARK, self.folder))
        assert addresses
        assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}

    def check_all_ended(self) -> None:
        # Left to themselves, Ray's agents end a minute after the driver.
        wait_until(lambda: not marked(MARK, self.folder), patience=30)


def wait_until(condition, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_nothing_lost(folder: Path, expected, *overrides, retrained: Counter | None = None) -> None:
    """Hold a search against an unbroken one: same population, nobody trained or recorded twice, nobody left out."""
    params = make_params(folder, *overrides)
    assert population(params) == expected
    store = SearchStore(Path(params.evolve.root))
    complete = [each for each in expected if each.state == "complete"]
    assert [(result.number, result.genotype) for result in store.results()] == [
        (each.number, each.genotype) for each in complete
    ]
    weights = {each.number: json.loads(store.weights_path(each.number).read_bytes()) for each in complete}
    assert all(weights[each.number]["genotype"] == each.genotype.to_lists() for each in complete)
    again = Counter(trained(folder / "notes"))
    again.subtract(each.number for each in complete)
    assert +again == (retrained or Counter())
    assert list(store.root.rglob("individuals/*/.*")) == []
    assert sorted(FileTracker(folder / "tracked").lines()) == [(each.number, each.state) for each in expected]

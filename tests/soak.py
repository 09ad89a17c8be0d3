"""Faults at random over one search, and a census afterwards: ``python tests/soak.py --kills 200 [--seed N]``.

Workers, Ray's processes, the driver, or everything at once are killed at random moments; the same command is started
again each time. The search must end with the population of one that nothing happened to, each individual recorded once,
and nothing may be left of it: no process, no temporary file, no shared memory.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent / "evolution"))

from process_marks import kill_marked, marked
from search_doubles import FileTracker, InlineEngine, make_params, population

from evopose2d.errors import ConfigError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.working.scratch import search_key

DRIVER = Path(__file__).parent / "evolution/fault_driver.py"
MARK = "SOAK"
SECONDS = 1.0  # that an individual seems to train
_VICTIMS = {"worker": 12, "driver": 4, "raylet": 2, "gcs_server": 2, "everything": 4}
_START_SECONDS = 120.0
_PAUSE = 3.0  # seconds at most from a worker's start to a fault: longer than an individual trains


class Soak:
    """One search in a folder, to which things happen.

    Args:
        folder: of the search; the driver's processes are known by it.
        seed: of what happens when.
        kills: how many faults there are to be.
    """

    def __init__(self, folder: Path, seed: int, kills: int) -> None:
        self.folder = folder
        self._kills = kills
        # Longer than the faults are likely to last.
        generations = max(2, kills // 4)
        self._settings = (f"evolve.generations={generations}", "evolve.children=8", "evolve.attempts=1000000")
        self.killed: Counter[str] = Counter()
        self.starts = 0
        self._rng = random.Random(seed)
        self._driver: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Kill so often, then let the search come to its end."""
        while sum(self.killed.values()) < self._kills and not self._finished():
            self._start()
            self._wait_for_a_worker()
            time.sleep(self._rng.uniform(0.0, _PAUSE))
            (victim,) = self._rng.choices(list(_VICTIMS), list(_VICTIMS.values()))
            if self._kill(victim):
                self.killed[victim] += 1
            if victim != "worker" and self._driver is not None:
                self._driver.wait(_START_SECONDS)
        for _ in range(3):  # Ray's end may have been told to the last driver
            if self._finished():
                return
            self._start()
            assert self._driver is not None
            self._driver.wait(600)
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8")[-2000:])

    def close(self) -> None:
        """Leave no process."""
        kill_marked(MARK, self.folder)
        if self._driver is not None:
            self._driver.wait()

    def census(self) -> list[str]:
        """Return what is wrong with what the search left; nothing where all is as if nothing had happened."""
        params = make_params(self.folder, *self._settings)
        unbroken = make_params(self.folder / "unbroken", *self._settings)
        search.run(unbroken, engine=InlineEngine)
        expected, found = population(unbroken), population(params)
        results = SearchStore(Path(params.evolve.root)).results()
        recorded = Counter(FileTracker(self.folder / "tracked").recorded())
        left = self._leftovers()
        return [
            *([] if found == expected else ["the population is another one"]),
            *([] if [each.number for each in results] == [each.number for each in expected] else ["results are lost"]),
            *([] if recorded == Counter(each.number for each in expected) else [f"recorded: {recorded}"]),
            *(f"left: {each}" for each in left),
        ]

    def _leftovers(self) -> list[str]:
        deadline = time.monotonic() + 30
        while (processes := marked(MARK, self.folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        key = search_key(self.folder / "search")
        temporary = [path for path in Path(tempfile.gettempdir()).iterdir() if key in path.name]
        return [*(f"process {each.pid}" for each in processes), *(str(path) for path in temporary)]

    def _finished(self) -> bool:
        status = self.folder / "search/status.json"
        return status.exists() and json.loads(status.read_text(encoding="utf-8"))["state"] == "finished"

    def _start(self) -> None:
        if self._driver is not None and self._driver.poll() is None:
            return
        refused = self._driver is not None and self._driver.returncode == ConfigError.exit_status
        assert not refused, (self.folder / "log").read_text(encoding="utf-8")[-2000:]
        scenario = {"engine": "ray", "seconds": SECONDS, "overrides": [*self._settings]}
        with (self.folder / "log").open("ab") as log:
            self._driver = subprocess.Popen(
                [sys.executable, str(DRIVER), str(self.folder), json.dumps(scenario)],
                env={**os.environ, MARK: str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def _wait_for_a_worker(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self._driver is not None and self._driver.poll() is None and not self._victims("worker"):
            assert time.monotonic() < deadline, "no worker has started"
            time.sleep(0.05)

    def _victims(self, kind: str) -> list[psutil.Process]:
        found = []
        for process in marked(MARK, self.folder):
            with suppress(psutil.Error):
                name = process.cmdline()[0] if kind == "worker" and process.cmdline() else process.name()
                if (kind == "worker" and name.startswith("ray::work")) or name == kind:
                    found.append(process)
        return found

    def _kill(self, victim: str) -> bool:
        if victim == "everything":
            kill_marked(MARK, self.folder)
            return True
        if victim == "driver":
            assert self._driver is not None
            self._driver.kill()
            return True
        candidates = sorted(self._victims(victim), key=lambda each: each.pid)
        if not candidates:
            return False
        with suppress(psutil.NoSuchProcess):
            self._rng.choice(candidates).kill()
        return True


def main() -> int:
    """Soak as the command line says; 1 where the census finds anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak = Soak(Path(folder), options.seed, options.kills)
        try:
            soak.run()
            found = soak.census()
        finally:
            soak.close()
    sys.stdout.write(
        f"{dict(soak.killed)} killed, {soak.starts} starts; {'; '.join(found) or 'nothing lost, nothing left'}\n"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

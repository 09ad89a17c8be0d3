"""Workers that train many individuals one after the other do not grow without end."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.working.individual import train_individual
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.genotype import Genotype

INDIVIDUALS = 30


@dataclass(frozen=True)
class Weighed:
    """Trains, and notes in a file of its process how much memory that holds afterwards."""

    notes: Path

    def __call__(self, spec, params, parent_weights):
        trained = train_individual(spec, params, parent_weights)
        with (self.notes / str(os.getpid())).open("a") as file:
            file.write(f"{psutil.Process().memory_info().rss}\n")
        return trained


@pytest.mark.slow
def test_memory_stays_flat_over_thirty_individuals(tiny_params, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    notes = tmp_path / "notes"
    notes.mkdir()
    spec = IndividualSpec(0, 1, 0, "", Genotype.from_lists(tiny_params.evolve.ancestor), None, epochs=1, seed=0)
    with ray_workers(tiny_params, Weighed(notes)) as engine:
        for number in range(INDIVIDUALS):
            engine.submit(replace(spec, number=number, seed=number), None)
        done = []
        while len(done) < INDIVIDUALS:
            done += engine.wait(1.0)
    by_worker = {path.name: [int(line) for line in path.read_text().split()] for path in notes.iterdir()}
    assert sum(len(sizes) for sizes in by_worker.values()) == INDIVIDUALS
    assert max(len(sizes) for sizes in by_worker.values()) == tiny_params.evolve.tasks_per_worker
    assert max(max(sizes) - sizes[0] for sizes in by_worker.values()) < 200e6

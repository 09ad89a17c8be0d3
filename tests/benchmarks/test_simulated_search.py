import itertools
import json

import numpy as np
import pytest
from benchmarks.__main__ import app
from benchmarks.simulated_search import SimulatedClock, simulate, sized
from typer.testing import CliRunner

from evopose2d.config.loading import load_params
from evopose2d.evolution.sampler import State


def settings(project_root, *overrides, **size):
    size = {"individuals": 121, "children": 12, "schedule": "steady-state", "seed": 3, **size}
    return sized(load_params(project_root / "params.yaml", list(overrides)), **size)


def searched(params, **options):
    return simulate(params, timer=None, first_point=20, **{"workers": 12, **options})


@pytest.mark.parametrize("schedule", ["steady-state", "generational"])
def test_disk_or_memory_the_search_is_the_same(project_root, schedule):
    params = settings(project_root, schedule=schedule)
    in_memory, on_disk = searched(params), searched(params, on_disk=True)
    assert list(in_memory.population) == list(on_disk.population)
    assert all(each.state is State.COMPLETE for each in in_memory.population)
    assert in_memory.individuals == len({each.genotype for each in in_memory.population}) == 121
    assert (in_memory.hours, in_memory.utilisation) == (on_disk.hours, on_disk.utilisation)


def test_a_barrier_leaves_workers_idle_and_none_where_all_take_equally_long(project_root):
    barrier = searched(settings(project_root, schedule="generational"))
    none = searched(settings(project_root))
    assert none.utilisation == pytest.approx(1.0)
    assert barrier.utilisation < 0.8
    assert barrier.hours > none.hours
    even = searched(settings(project_root, schedule="generational"), spread=0.0)
    assert even.utilisation == pytest.approx(1.0)
    # The ancestor's epochs, then ten generations of one child after the other in each worker.
    assert even.hours * 3600 == pytest.approx(600.0 * (10 + 4))


def test_a_search_comes_to_better_individuals(project_root):
    population = searched(settings(project_root, individuals=241)).population
    fitness = np.array([each.fitness for each in population])
    assert fitness[121:].min() < 0.97 * fitness[1:121].min()


def test_costs_are_noted_as_the_population_grows(project_root):
    growth = searched(settings(project_root)).growth
    assert [point.individuals for point in growth] == [20, 40, 100, 121]
    assert all(point.ask_ms > 0 and point.driver_ms == 0 for point in growth)


def test_the_clock_runs_while_the_driver_works():
    seconds = iter([10.0, 12.0, 20.0, 21.5])
    clock = SimulatedClock(lambda: next(seconds))
    assert clock() == 2.0
    clock.jump(100.0)
    assert clock() == 101.5
    assert clock.worked == 3.5


def test_the_command_gives_a_table_a_picture_and_json(project_root, tmp_path):
    command = ["evolve", "--simulate", "--workers", "5", "--individuals", "31", "--seed", "1"]
    picture, out = tmp_path / "growth.png", tmp_path / "growth.json"
    files = ["--curves", str(picture), "--out", str(out)]
    ended = CliRunner().invoke(app, [*command, *files, "--params", str(project_root / "params.yaml"), "--json"])
    assert ended.exception is None, ended.output
    content = json.loads(ended.stdout)
    assert (content["workers"], content["individuals"], content["growth"][-1]["individuals"]) == (5, 31, 31)
    assert json.loads(out.read_text()) == content
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_stopping_is_compared_at_equal_compute(project_root, tmp_path):
    command = ["evolve", "--simulate", "--workers", "5", "--individuals", "61", "--compare", "2"]
    settings = ["evolve.stopping=percentile", "evolve.child_epochs=5", "--params", str(project_root / "params.yaml")]
    out = tmp_path / "compared.json"
    ended = CliRunner().invoke(app, [*command, *settings, "--out", str(out), "--json"])
    assert ended.exception is None, ended.output
    rows = json.loads(ended.stdout)
    assert json.loads(out.read_text()) == rows
    assert [row["hours"] / rows[-1]["hours"] for row in rows] == pytest.approx([0.1, 0.25, 0.5, 0.75, 1.0])
    assert rows[-1]["individuals_stopping"] > rows[-1]["individuals_without"]
    assert all(earlier["stopping"] >= later["stopping"] for earlier, later in itertools.pairwise(rows[1:]))

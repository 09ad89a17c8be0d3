"""A search of several objectives: run, broken off, decided by its finals, read and refused."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from search_doubles import InlineEngine, Trainer, make_params, population, trained

from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.front import front_rows
from evopose2d.evolution.results.journal import read_study
from evopose2d.evolution.results.report import best_rows, population_rows, summary, write_report
from evopose2d.evolution.results.winner import winners

BOTH = (
    "evolve.objectives=[ap,multiply_adds]",
    "evolve.controls=true",
    "evolve.finalists=2",
    "evolve.final_seeds=2",
    "evolve.final_epochs=1",
    "evolve.seed=4",
)


def _run(folder, *overrides, stop_at=None):
    params, trainer = make_params(folder, *BOTH, *overrides), Trainer(folder / "notes")

    def training(spec, params, weights):
        if spec.number == stop_at:
            raise KeyboardInterrupt
        return trainer(spec, params, weights)

    rows = search.run(params, engine=partial(InlineEngine, trainer=training))
    return params, rows


def _front(individuals):
    measured = [each.measurements for each in individuals if each.role != "control"]

    def beats(one, other):
        return one != other and one["ap"] >= other["ap"] and one["multiply_adds"] <= other["multiply_adds"]

    return {
        each.number
        for each in individuals
        if each.role != "control" and not any(beats(other, each.measurements) for other in measured)
    }


def test_a_search_finds_a_front_and_its_finalists_are_of_it(tmp_path):
    params, rows = _run(tmp_path)
    individuals, archive = population(params), read_search(Path(params.evolve.root))
    front = _front(individuals)
    assert len(front) > 1
    assert {row["number"] for row in rows[: len(front)]} <= front
    assert {row["number"] for row in population_rows(archive) if row["pareto"]} == front
    finalists = {each.parent for each in archive.finals.values()} - {0}
    assert len(finalists) == 2
    assert finalists <= front or len(front - {0}) < 2

    study = read_study(Path(params.evolve.root) / "study.journal")
    assert [each.name for each in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["ap", "multiply_adds"]
    assert all(trial.values == [trial.user_attrs["ap"], trial.user_attrs["multiply_adds"]] for trial in study.trials)
    assert str(archive.verdict) in summary(archive)
    assert best_rows(archive, 1)[0]["number"] == archive.verdict.winner.individual


def test_a_search_broken_off_is_the_same(tmp_path):
    unbroken, _ = _run(tmp_path / "unbroken")
    for stop_at in (4, 9):
        with pytest.raises(KeyboardInterrupt):
            _run(tmp_path / "broken", stop_at=stop_at)
    resumed, _ = _run(tmp_path / "broken")
    assert population(resumed) == population(unbroken)
    numbers = trained(tmp_path / "broken" / "notes")
    assert sorted(numbers) == sorted(set(numbers))


def test_the_front_is_a_table_a_drawing_and_part_of_the_summary(tmp_path):
    params, _ = _run(tmp_path)
    archive = read_search(Path(params.evolve.root))
    front = _front(population(params))
    written = {path.name for path in write_report(archive, tmp_path / "report")}
    assert {"front.csv", "front.json", "front.png"} <= written
    rows = front_rows(archive)
    assert {row["number"] for row in rows} == front
    assert [row["AP"] for row in rows] == sorted((row["AP"] for row in rows), reverse=True)
    assert [row["gmacs"] for row in rows] == sorted((row["gmacs"] for row in rows), reverse=True)
    assert all(row["mutation"] in summary(archive) for row in rows)
    shown = json.loads((tmp_path / "report" / "front.json").read_text())
    assert [row[0] for row in shown["data"]] == [row["number"] for row in rows]


def test_the_best_within_limits_is_the_best_in_what_is_not_limited(tmp_path):
    params, _ = _run(tmp_path)
    archive = read_search(Path(params.evolve.root))
    complete = [each for each in archive.individuals if each.role != "control"]
    sizes = sorted(each.measurements["multiply_adds"] for each in complete)
    for most in (sizes[0], sizes[len(sizes) // 2], sizes[-1]):
        (found,) = winners(archive, params.model, limits={"multiply_adds": most})
        within = [each for each in complete if each.measurements["multiply_adds"] <= most]
        assert found.result.number == max(within, key=lambda each: each.ap).number
        assert found.settings["model.genotype"] == found.result.genotype.to_lists()
    told = f"got a limit of 1 for multiply_adds, the least is {sizes[0]:g}, of individual"
    with pytest.raises(SearchError, match=re.escape(told)):
        winners(archive, params.model, limits={"multiply_adds": 1})
    with pytest.raises(SearchError, match="nobody's latency was measured, so none can be limited"):
        winners(archive, params.model, limits={"latency": 1})


def test_limits_of_a_search_of_one_objective_leave_its_ranking(tmp_path):
    params, _ = _run(tmp_path, "evolve.objectives=[fitness]", "evolve.finalists=0")
    archive = read_search(Path(params.evolve.root))
    ranked = sorted((e for e in archive.individuals if e.role != "control"), key=lambda each: each.fitness)
    most = sorted(each.parameters for each in ranked)[2]
    expected = [each.number for each in ranked if each.parameters <= most]
    found = winners(archive, params.model, count=9, limits={"parameters": most})
    assert [each.result.number for each in found] == expected


def test_a_search_is_not_gone_on_with_for_other_objectives(tmp_path):
    _run(tmp_path)
    with pytest.raises(ConfigError, match=r'evolve\.objectives \["ap", "multiply_adds"\] -> \["fitness"\]'):
        _run(tmp_path, "evolve.objectives=[fitness]")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("evolve.objectives=[ap,speed]", r"^evolve\.objectives: got 'speed', must be one of fitness, ap"),
        (
            "evolve.selection=gain",
            r"^evolve\.selection: got 'gain' with objectives ap, multiply_adds, must be",
        ),
        (
            "evolve.stopping=percentile",
            r"^evolve\.stopping: got 'percentile', must be none with evolve\.objectives ap, multiply_adds: children",
        ),
    ],
)
def test_what_does_not_go_with_several_objectives_is_refused(tmp_path, override, told):
    with pytest.raises(ConfigError, match=told) as refused:
        check_search(make_params(tmp_path, *BOTH, override))
    assert "\n" not in str(refused.value)

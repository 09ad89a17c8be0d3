"""A search of several objectives: run, broken off, decided by its finals, read and refused."""

from functools import partial
from pathlib import Path

import pytest
from search_doubles import InlineEngine, Trainer, make_params, population, trained

from evopose2d.errors import ConfigError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.journal import read_study
from evopose2d.evolution.results.report import best_rows, population_rows, summary

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

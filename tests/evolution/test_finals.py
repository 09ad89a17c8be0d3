"""The finals: the best networks and the ancestor trained equally when the search has ended."""

import contextlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from search_doubles import FileTracker, InlineEngine, Trainer, make_params, population, trained

from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.report import final_rows, summary
from evopose2d.evolution.results.winner import winners
from evopose2d.evolution.sampler import Role, State

FINALS = ("evolve.finalists=2", "evolve.final_epochs=3", "evolve.final_seeds=2")


class Cut(Exception):  # noqa: N818
    pass


def run(folder, *overrides, cut_at=None, slots=2, tracker=None, **faults):
    """Run a search; ``cut_at``: break it off at that finalist."""
    params = make_params(folder, *FINALS, *overrides)
    trainer, specs = Trainer(folder / "notes", **faults), {}

    def training(spec, params, weights):
        if spec.role is Role.FINALIST:
            specs[spec.number] = spec, weights
            if spec.number == cut_at:
                raise Cut
        return trainer(spec, params, weights)

    search.run(params, tracker, engine=partial(InlineEngine, trainer=training, slots=slots))
    return params, specs


def test_finalists_are_trained_equally_from_where_the_ancestor_started(tmp_path):
    params, specs = run(tmp_path)
    archive = read_search(Path(params.evolve.root))
    ranked = sorted((each for each in archive.individuals if each.number), key=lambda each: each.fitness)
    chosen = [0, *(each.number for each in ranked[:2])]
    assert sorted(specs) == sorted(10 * number + repeat for number in chosen for repeat in (0, 1))
    for number, (spec, weights) in specs.items():
        assert (spec.parent, spec.parent_genotype, weights, spec.epochs) == (number // 10, None, None, 3)
        assert spec.genotype == archive.individuals[spec.parent].genotype
        assert spec.seed == specs[number % 10][0].seed
    assert specs[0][0].seed != specs[1][0].seed
    assert archive.complete
    assert sorted(archive.finals) == sorted(specs)


def test_the_search_itself_is_the_same_with_finals_and_without(tmp_path):
    params, _ = run(tmp_path / "with")
    without, specs = run(tmp_path / "without", "evolve.finalists=0")
    assert population(params) == population(without)
    assert specs == {}
    assert read_search(Path(without.evolve.root)).verdict is None


@pytest.mark.slow
@pytest.mark.parametrize("slots", [1, 2, 9])
def test_finals_that_were_cut_off_go_on_with_those_that_are_left(tmp_path, slots):
    _, specs = run(tmp_path / "whole")
    tracker, cuts = FileTracker(tmp_path / "tracked"), 0
    for number in sorted(specs):
        with contextlib.suppress(Cut):  # whoever has been trained before is not again
            run(tmp_path / "cut", cut_at=number, slots=slots, tracker=tracker)
            continue
        cuts += 1
        assert not read_search(tmp_path / "cut" / "search").complete
    assert cuts > 0
    run(tmp_path / "cut", tracker=tracker)
    whole, parts = (read_search(Path(tmp_path / name / "search")) for name in ("whole", "cut"))
    assert parts.finals == whole.finals
    assert str(parts.verdict) == str(whole.verdict)
    assert sorted(trained(tmp_path / "cut" / "notes", finals=True)) == sorted(specs)
    assert sorted(tracker.lines(finals=True)) == [(number, "complete") for number in sorted(specs)]


def test_damaged_results_of_finals_are_made_again(tmp_path):
    params, specs = run(tmp_path)
    store = SearchStore(Path(params.evolve.root)).of(Role.FINALIST)
    gone, before = max(specs), read_search(Path(params.evolve.root)).finals
    store.weights_path(gone).write_bytes(b"")
    assert run(tmp_path)[1].keys() == {gone}
    assert read_search(Path(params.evolve.root)).finals == before


def test_other_finals_may_follow_the_same_search(tmp_path):
    params, specs = run(tmp_path)
    individuals = population(params)
    _, longer = run(tmp_path, "evolve.final_epochs=5")
    assert longer.keys() == specs.keys()
    assert {len(each.epochs) for each in read_search(Path(params.evolve.root)).finals.values()} == {5}
    _, more = run(tmp_path, "evolve.final_epochs=5", "evolve.final_seeds=3")
    assert {number % 10 for number in more} == {2}
    assert population(params) == individuals


def test_an_extended_search_has_finals_of_its_own(tmp_path):
    run(tmp_path)
    params, _ = run(tmp_path, "evolve.generations=4")
    whole, _ = run(tmp_path / "whole", "evolve.generations=4")
    assert population(params) == population(whole)
    longer, at_once = (read_search(Path(each.evolve.root)) for each in (params, whole))
    assert longer.finals == at_once.finals
    assert longer.complete


def test_a_finalist_that_fails_leaves_the_verdict_to_the_others(tmp_path):
    fails = next(number for number in sorted(run(tmp_path / "first")[1]) if number >= 10)
    params, _ = run(tmp_path, "evolve.attempts=1", diverges=(fails,))
    archive = read_search(Path(params.evolve.root))
    assert archive.complete
    assert set(archive.final_failures) == {fails}
    assert archive.verdict is not None
    assert len(run(tmp_path, "evolve.attempts=1")[1]) == 0


def test_the_finals_decide_who_is_best(tmp_path):
    params, _ = run(tmp_path)
    archive = read_search(Path(params.evolve.root))
    standings = [each.individual for each in archive.verdict.standings]
    assert [each.number for each in archive.best(3)] == standings
    assert len(archive.best(99)) == sum(each.state is State.COMPLETE for each in archive.individuals)
    rows = final_rows(archive)
    assert [row["individual"] for row in rows] == standings
    assert [row["ancestor"] for row in rows].count(True) == 1
    assert str(archive.verdict) in summary(archive)
    winner = winners(archive, params.model)[0]
    assert winner.result.number == standings[0]
    assert "".join(line.removeprefix("# ") for line in winner.to_yaml().splitlines()[1:3]).startswith(
        str(archive.verdict)[:60]
    )
    other = replace(archive, finals={})
    assert other.best(1)[0].number == min(archive.individuals, key=lambda each: each.fitness).number

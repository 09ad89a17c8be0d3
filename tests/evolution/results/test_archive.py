from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from search_doubles import PARAMS_FILE, InlineEngine, Trainer, make_params, population

from evopose2d.config.loading import load_params
from evopose2d.errors import SearchError
from evopose2d.evolution import search
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.report import best_rows, population_rows, progress, summary
from evopose2d.evolution.sampler import State, select
from evopose2d.evolution.tracking.records import genotype_yaml, varied_genes
from evopose2d.genotype import Genotype


@pytest.fixture
def archive(tmp_path: Path):
    params = make_params(tmp_path, "evolve.attempts=1")
    search.run(params, engine=partial(InlineEngine, trainer=Trainer(tmp_path / "notes", diverges=(2,))))
    archive = read_search(Path(params.evolve.root))
    assert archive.individuals == population(params)
    return archive


def test_an_archive_holds_what_became_of_everyone(archive):
    assert sorted(archive.results) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert sorted(archive.failures) == [2]
    assert archive.complete
    assert (archive.total, archive.finished) == (9, list(range(9)))


def test_a_network_is_built_as_it_was_searched(archive):
    genotype = archive.individuals[1].genotype
    now = load_params(PARAMS_FILE).model
    model = archive.model_config(genotype, now)
    assert model.genotype == genotype.to_lists()
    assert (model.head_channels, model.input_shape) == (64, [128, 96])
    # Of another version: a key that is no more, and one that was not there yet.
    settings = {key: value for key, value in archive.settings.items() if key != "model.final_kernel"}
    other = replace(archive, settings=settings | {"model.gone": 1})
    assert other.model_config(genotype, replace(now, final_kernel=5)) == replace(model, final_kernel=5)


def test_a_search_that_has_not_been_started(tmp_path: Path):
    with pytest.raises(SearchError, match="no search has been started here"):
        read_search(tmp_path)


@pytest.mark.parametrize("schedule", ["generational", "steady-state"])
@pytest.mark.parametrize(
    ("finished", "done"),
    [([], 0), ([0], 1), ([0, 1, 2, 3], 1), ([0, 1, 2, 3, 4], 2), ([0, 1, 2, 3, 5, 6, 7, 8], 1), (range(9), 3)],
)
def test_a_generation_is_done_when_nobody_before_it_is_left(archive, schedule, finished, done):
    individuals = [
        each if each.number in finished else replace(each, state=State.RUNNING, measurements={})
        for each in archive.individuals
    ]
    settings = {**archive.settings, "evolve.schedule": schedule}
    other = replace(archive, individuals=individuals, settings=settings)
    sizes = [len(generation) for generation in other.generations_done()]
    assert sizes == [1, 4, 4][:done]
    assert len(replace(other, individuals=individuals[:4]).generations_done()) <= 1


def test_rows_of_the_best_are_those_of_the_population(archive):
    rows = population_rows(archive)
    best = best_rows(archive, 3)
    assert [row["fitness"] for row in best] == sorted(row["fitness"] for row in rows if row["fitness"])[:3]
    assert all(row in rows for row in best)
    assert rows[2]["gmacs"] is None


@pytest.mark.parametrize("selection", ["ap", "pareto"])
def test_the_best_are_those_of_the_searchs_own_selection(archive, selection):
    complete = [each for each in archive.individuals if each.state is State.COMPLETE]
    chosen = replace(archive, settings={**archive.settings, "evolve.selection": selection}).best(8)
    assert chosen == select(complete, 8, selection)
    assert chosen != archive.best(8)


def test_progress_is_cumulative(archive):
    points = progress(archive)
    assert [point.figures["individuals_done"] for point in points] == [1, 5, 9]
    assert points[-1].figures["best_fitness"] == archive.best(1)[0].fitness
    bests = [point.figures["best_fitness"] for point in points]
    assert bests == sorted(bests, reverse=True)


def test_the_summary_names_the_best(archive):
    text = summary(archive)
    assert "9 of 9 individuals done" in text
    assert "1 failed" in text
    assert f"| {archive.best(1)[0].number} |" in text


def test_genes_that_vary_most_come_first():
    ancestor = Genotype.from_lists([[3, 1, 2, 1], *[[3, 1, 3, 2]] * 3, *[[5, 2, 5, 1]] * 3])
    others = [
        ancestor.with_gene(6, "kernel", 3),
        ancestor.with_gene(0, "channels", 1),
        ancestor.with_gene(0, "channels", 3),
    ]
    assert varied_genes([ancestor, *others]) == ["b1_channels", "b7_kernel"]
    assert genotype_yaml(ancestor).splitlines()[:3] == ["model:", "  genotype:", "    - [3, 1, 2, 1]"]


def test_progress_of_a_steady_state_counts_by_number(tmp_path: Path):
    params = make_params(tmp_path, "evolve.schedule=steady-state", "evolve.generations=5")
    search.run(params, engine=partial(InlineEngine, slots=3))
    archive = read_search(Path(params.evolve.root))
    assert max(each.generation for each in archive.individuals) != 5  # of the family tree
    points = progress(archive)
    assert [point.figures["individuals_done"] for point in points] == [1, 5, 9, 13, 17, 21]
    assert [point.numbers for point in points] == [list(range(1 + 4 * generation)) for generation in range(6)]
    assert points[-1].figures["best_fitness"] == archive.best(1)[0].fitness

"""A search of the extended space: run, broken off, read, tracked, drawn, and its winner written as settings."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from search_doubles import InlineEngine, Trainer, make_params, population, trained

from evopose2d.errors import ConfigError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.report import write_report
from evopose2d.evolution.results.winner import winners
from evopose2d.evolution.tracking.records import RunContext, run_of_result, varied_genes
from evopose2d.evolution.working.individual import train_individual
from evopose2d.networks.registry import read_model

EXTENDED = (
    "evolve.space.kind=extended",
    "evolve.space.head_blocks=[2,3]",
    "evolve.space.head_channels=[16,32,64]",
    "evolve.controls=true",
    "evolve.finalists=1",
    "evolve.seed=3",
)


def _run(folder, *overrides, stop_at=None):
    params, trainer = make_params(folder, *EXTENDED, *overrides), Trainer(folder / "notes")

    def training(spec, params, weights):
        if spec.number == stop_at:
            raise KeyboardInterrupt
        return trainer(spec, params, weights)

    search.run(params, engine=partial(InlineEngine, trainer=training))
    return params


def test_a_search_that_was_broken_off_goes_on_with_all_genes(tmp_path):
    params = _run(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "broken", stop_at=6)
    resumed = _run(tmp_path / "broken")

    assert population(resumed) == population(params)
    numbers = trained(tmp_path / "broken" / "notes")
    assert sorted(numbers) == sorted(set(numbers)) == [each.number for each in population(params)]
    varied = varied_genes(each.genotype for each in population(params))
    assert {"head_blocks", "head_channels"} & set(varied), varied
    assert any(name.endswith(("_expansion", "_squeeze")) for name in varied), varied


def test_a_search_is_not_gone_on_with_in_another_space(tmp_path):
    params = _run(tmp_path)
    with pytest.raises(ConfigError, match=r"evolve\.space\.head_channels \[16, 32, 64\] -> \[16, 64\]"):
        _run(tmp_path, "evolve.space.head_channels=[16,64]")
    assert len(population(params)) > 1


def test_individuals_are_read_drawn_tracked_and_written_as_settings(tmp_path):
    params = _run(tmp_path)
    archive = read_search(Path(params.evolve.root))
    written = {path.name for path in write_report(archive, tmp_path / "report")}
    assert {"lineage.png", "population.csv", "summary.md"} <= written

    other = next(
        each for each in archive.results.values() if each.genotype.settings != archive.results[0].genotype.settings
    )
    (winner,) = winners(archive, params.model, number=other.number)
    settings = yaml.safe_load(winner.to_yaml())["model"]
    assert settings["genotype"] == other.genotype.to_lists() and len(settings["genotype"][0]) == 6
    assert settings | other.genotype.settings == settings
    built = read_model(asdict(params.model) | settings)
    assert built == archive.model_config(other.genotype, params.model)

    folder = tmp_path / "run"
    folder.mkdir()
    run = run_of_result(other, RunContext(SearchStore(Path(params.evolve.root)), 9, str), folder)
    assert run.params["b1_expansion"] == 1 and run.params["head_channels"] == built.head_channels
    assert yaml.safe_load((folder / "genotype.yaml").read_text())["model"] == other.genotype.model_settings


@pytest.mark.slow
def test_children_are_really_born_from_other_heads(tiny_params, tmp_path):
    space = replace(
        tiny_params.evolve.space,
        kind="extended",
        kernels=[3],
        repeats=[1, 1],
        stride_blocks=0,
        head_blocks=[3, 4],
        head_channels=[8, 16],
        expansion=[1, 2, 6],
        squeeze=[2, 4],
    )
    evolve = replace(
        tiny_params.evolve,
        root=str(tmp_path / "search"),
        space=space,
        seed=4,
        generations=1,
        children=6,
        parents=1,
        ancestor_epochs=1,
        controls=False,
        finalists=0,
        attempts=1,
    )
    params = replace(tiny_params, evolve=evolve)
    search.run(params, engine=partial(InlineEngine, trainer=train_individual))

    results = read_search(tmp_path / "search").results
    assert sorted(results) == list(range(7))
    changed = {
        name
        for each in results.values()
        for name, old in results[0].genotype.genes.items()
        if each.genotype.genes[name] != old
    }
    assert {"head_blocks", "head_channels"} & changed, changed
    assert any(name.endswith(("_expansion", "_squeeze")) for name in changed), changed

"""A gene, a space, an objective and a selection of another package: one module, and a line each that names it."""

import sys
from pathlib import Path

import pytest
from search_doubles import InlineEngine, make_params, population

from evopose2d.errors import ConfigError
from evopose2d.evolution import search
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.journal import read_study
from evopose2d.evolution.results.report import write_report
from evopose2d.evolution.results.winner import winners

MODULE = '''
from evopose2d.evolution.sampler import Objective, Selection
from evopose2d.genotype import ExtendedSpace, PaperSpace


def sharp(ancestor, space, model):
    """The paper's genes, and the last convolution's kernel, which no other space varies."""
    blocks = PaperSpace(ancestor, stride_blocks=space.stride_blocks)
    return ExtendedSpace(blocks, {"final_kernel": (1, 3, 5)}, {"final_kernel": model["final_kernel"]})


per_ap = Objective(
    "size_per_ap", frozenset({"ap", "parameters"}), lambda measured: measured["parameters"] / measured["ap"]
)


class Youngest(Selection):
    def rank(self, candidates, count):
        return sorted(candidates, key=lambda each: -each.number)[:count]
'''
ENTRY_POINTS = """
[evopose2d.spaces]
sharp = sharp_search:sharp
[evopose2d.objectives]
size_per_ap = sharp_search:per_ap
[evopose2d.selections]
youngest = sharp_search:Youngest
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The package, as pip would install it."""
    site = tmp_path / "site"
    metadata = site / "sharp_search-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "sharp_search.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sharp-search\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("sharp_search", None)


def _run(folder, *overrides):
    params = make_params(folder, "evolve.space.kind=sharp", "evolve.seed=4", *overrides)
    search.run(params, engine=InlineEngine)
    return params


def test_a_gene_is_searched_stored_drawn_tracked_and_written_as_settings(tmp_path):
    params = _run(tmp_path, "evolve.objectives=[size_per_ap,val_loss]")
    archive = read_search(Path(params.evolve.root))
    assert population(params) == archive.individuals
    varied = [each for each in archive.individuals if each.genotype.settings["final_kernel"] != 1]
    assert varied
    assert varied[0].genotype.genes["final_kernel"] == 3
    (found,) = winners(archive, params.model, number=varied[0].number)
    assert found.settings["model.final_kernel"] == 3
    assert "  final_kernel: 3\n" in found.to_yaml()

    study = read_study(Path(params.evolve.root) / "study.journal")
    for trial in study.trials:
        assert trial.values[0] == pytest.approx(trial.user_attrs["parameters"] / trial.user_attrs["ap"])
    assert "front.png" in {path.name for path in write_report(archive, tmp_path / "report")}
    assert "size_per_ap" in (tmp_path / "report" / "front.csv").read_text().splitlines()[0]


def test_a_selection_chooses_the_parents(tmp_path):
    params = _run(tmp_path, "evolve.selection=youngest")
    assert {each.parent for each in population(params) if each.generation == 2} == {3, 4}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("evolve.space.kind=blunt", r"^evolve\.space\.kind: got 'blunt', must be one of paper, extended, sharp$"),
        ("evolve.objectives=[luck]", r"^evolve\.objectives: got 'luck', must be one of fitness, .*, size_per_ap$"),
        ("evolve.selection=oldest", r"^evolve\.selection: got 'oldest', must be one of .*, youngest$"),
    ],
)
def test_names_of_other_packages_are_listed(tmp_path, override, told):
    with pytest.raises(ConfigError, match=told):
        check_search(make_params(tmp_path, override))

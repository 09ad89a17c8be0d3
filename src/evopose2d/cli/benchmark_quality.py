"""``evopose2d benchmark truth``, ``surrogate``, ``samplers`` and ``ranking``: whether a search finds anything."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Out, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.output import save, show
from evopose2d.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evopose2d.config.schema import Params
    from evopose2d.quality.contestants import Contestant

logger = logging.getLogger(__name__)

_FOLDER = Path("search/truth")
_TABLE = _FOLDER / "truth.csv.gz"
_INHERITANCE = ("function-preserving", "original", "none")
_RANDOM_NUMBERS = ("common", "individual")
_Made = Annotated[
    Path, typer.Option("--out", help="The table; where it is there, what it lacks is trained.", dir_okay=False)
]
_Given = Annotated[
    Path | None,
    typer.Option(
        "--table", help="Table that `benchmark truth` has made, instead of the package's own.", dir_okay=False
    ),
]


def truth(
    overrides: Overrides = None,
    genotypes: Annotated[int, typer.Option(min=1, help="Genotypes of the sample; one in six has three seeds.")] = 600,
    folder: Annotated[Path, typer.Option(help="For the drawn images and their records.", file_okay=False)] = _FOLDER,
    table: _Made = _TABLE,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
) -> None:
    """Train genotypes of the search space in full, each from random weights: the ground truth of a small setting."""
    settings = _small_setting(params, folder, overrides, more)
    from evopose2d.quality.truth import make_truth

    made = make_truth(settings, table, genotypes)
    show(
        {
            "trainings": len(made.rows),
            "genotypes": len({row.number for row in made.rows}),
            "with_several_seeds": len(made.replicated),
            "hours": sum(row.seconds for row in made.rows) / 3600,
        },
        title=str(table),
        as_json=as_json,
    )


def surrogate(table: _Given = None, out: Out = None, as_json: AsJson = False) -> None:
    """Cross-validate the model of the ground truth: how well it ranks genotypes that it was not fitted to."""
    from evopose2d.quality.surrogate import cross_validate, seed_noise
    from evopose2d.quality.table import SHIPPED, read_table

    trainings = read_table(table or SHIPPED)
    qualities = [asdict(quality) for quality in cross_validate(trainings)]
    noise = asdict(seed_noise(trainings))
    save({"quality": qualities, "noise": noise}, out)
    if as_json:
        show({"quality": qualities, "noise": noise}, title="", as_json=True)
        return
    show(qualities, title="cross-validated, by genotypes", as_json=False)
    show(noise, title="deviation between seeds", as_json=False)


def samplers(
    overrides: Overrides = None,
    table: _Given = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each sampler.")] = 50,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first of them.")] = 0,
    evaluations: Annotated[int, typer.Option(min=1, help="Trainings of each search.")] = 300,
    only: Annotated[list[str] | None, typer.Option(help="Name of a sampler to be run; repeatable.")] = None,
    curves: Annotated[Path | None, typer.Option(help="Draw regret by trainings to this file.")] = None,
    out: Out = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
) -> None:
    """Hold samplers against each other on the ground truth: Optuna's, and the search's own with all its rules."""
    evolve = load_settings(params, overrides, more).evolve
    from evopose2d.quality.contest import compete, standings
    from evopose2d.quality.contestants import contestants
    from evopose2d.quality.problem import Problem
    from evopose2d.quality.surrogate import Surrogate
    from evopose2d.quality.table import SHIPPED, read_table

    problem = Problem(Surrogate(read_table(table or SHIPPED)), evolve.target_parameters, evolve.size_exponent)
    everyone = contestants(
        problem.space, children=evolve.children, parents=evolve.parents, size_factor=problem.size_factor
    )
    entered = _chosen(everyone, only)
    regrets = compete(
        entered,
        problem,
        seeds=range(first_seed, first_seed + seeds),
        evaluations=evaluations,
        note=lambda name: logger.info("%s: %d searches of %d trainings", name, seeds, evaluations),
    )
    rows = [asdict(standing) for standing in standings(regrets)]
    save(rows, out)
    if curves is not None:
        _draw(regrets, entered, curves)
    ancestor = problem.true(problem.space.ancestor).fitness - problem.best()[1]
    title = f"regret over {seeds} searches (the ancestor's is {ancestor:.4g}); evaluation from scratch, no inheritance"
    show(rows, title=title, as_json=as_json)


def ranking(
    overrides: Overrides = None,
    small: Annotated[
        bool, typer.Option("--small", help="The ground truth's setting and table, instead of trainings in full.")
    ] = False,
    table: _Given = None,
    genotypes: Annotated[int, typer.Option(min=6, help="Genotypes to rank.")] = 20,
    full_epochs: Annotated[int, typer.Option(min=1, help="Epochs of a training in full.")] = 10,
    full_seeds: Annotated[int, typer.Option(min=1, help="Trainings in full of each genotype.")] = 1,
    epochs: Annotated[list[int] | None, typer.Option(min=1, help="Of a child; repeatable (1).")] = None,
    inheritance: Annotated[
        list[str] | None, typer.Option(help="Of evolve.inheritance's values; repeatable (all).")
    ] = None,
    random_numbers: Annotated[list[str] | None, typer.Option(help="common or individual; repeatable (both).")] = None,
    folder: Annotated[Path, typer.Option(help="For the results.", file_okay=False)] = Path("search/ranking"),
    out: Out = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
) -> None:
    """Hold the ranks of a search's short trainings against those of trainings in full."""
    for name, given, allowed in (
        ("--inheritance", inheritance, _INHERITANCE),
        ("--random-numbers", random_numbers, _RANDOM_NUMBERS),
    ):
        for value in given or ():
            if value not in allowed:
                raise ConfigError(f"{name}: got {value!r}, must be one of {', '.join(allowed)}")
    settings = _small_setting(params, _FOLDER, overrides, more) if small else load_settings(params, overrides, more)
    from evopose2d.quality.agreement import rules
    from evopose2d.quality.ranking import rank
    from evopose2d.quality.table import SHIPPED, read_table
    from evopose2d.quality.truth import prepare_data

    if small:
        prepare_data(settings)
    agreements = rank(
        settings,
        folder,
        rules(epochs or [1], inheritance or _INHERITANCE, random_numbers or _RANDOM_NUMBERS),
        genotypes=genotypes,
        full_epochs=full_epochs,
        full_seeds=full_seeds,
        table=read_table(table or SHIPPED) if small else None,
    )
    rows = [asdict(row) for row in agreements]
    save(rows, out)
    show(rows, title=f"ranks of short trainings against those in full, of {genotypes} genotypes", as_json=as_json)


def _small_setting(params: Path, folder: Path, overrides: list[str] | None, more: str) -> "Params":
    """Read the settings file with those of the ground truth, whose data lie in a folder of their own."""
    from evopose2d.quality.truth import SMALL_SETTING

    settings = load_settings(params, [*SMALL_SETTING, *(overrides or ())], more)
    return replace(
        settings,
        dataset=replace(settings.dataset, root=str(folder / "coco")),
        write_tfrecords=replace(settings.write_tfrecords, root=str(folder / "tfrecords")),
    )


def _chosen(entered: list["Contestant"], only: list[str] | None) -> list["Contestant"]:
    names = [each.name for each in entered]
    for name in only or ():
        if name not in names:
            raise ConfigError(f"--only: got {name!r}, must be one of {', '.join(names)}")
    return [each for each in entered if not only or each.name in only]


def _draw(regrets: "dict[str, NDArray[np.float64]]", entered: list["Contestant"], file: Path) -> None:
    from evopose2d.quality.contestants import PAPER, RANDOM
    from evopose2d.visualization.regret import regret_curves
    from evopose2d.visualization.style import save_figure

    panels = {
        title: [each.name for each in entered if each.own == own or each.name in (PAPER, RANDOM)]
        for title, own in (("Optuna's samplers", False), ("the search's rules", True))
    }
    save_figure(regret_curves(regrets, panels), file)

"""The subcommands that look at a search, while it runs as well as afterwards."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.output import import_quietly, show
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError

if TYPE_CHECKING:
    from evopose2d.evolution.individuals.spec import IndividualResult
    from evopose2d.evolution.results.archive import SearchArchive

logger = logging.getLogger(__name__)

_ROWS_SHOWN = 40
_OF_FRONT = ("number", "generation", "parent", "mutation", "genotype")  # columns that are no values


def report(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; by default, report in the search's folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the population, and write it as CSV, drawings and a summary."""
    settings = load_settings(params, overrides, more)
    from evopose2d.evolution.results.archive import read_search
    from evopose2d.evolution.results.front import front_rows
    from evopose2d.evolution.results.report import best_rows, final_rows, population_rows, write_report

    archive = read_search(Path(settings.evolve.root))
    rows = population_rows(archive)
    names = " and ".join(each.name.replace("_", " ") for each in archive.front_objectives)
    front = f" (*: none beats it in {names})"
    written = write_report(archive, Path(settings.evolve.root) / "report" if out is None else out)
    if as_json:
        show(rows, title="", as_json=True)
    elif len(rows) > _ROWS_SHOWN:
        fittest = best_rows(archive, _ROWS_SHOWN)
        show(_shown(fittest), title=f"the best {len(fittest)} of {len(rows)} individuals{front}", as_json=False)
    else:
        show(_shown(rows), title=f"{len(archive.finished)} of {archive.total} individuals done{front}", as_json=False)
    if not as_json:
        if archive.verdict is not None:
            show_finals(final_rows(archive), str(archive.verdict))
        if len(archive.objectives) > 1:
            show_front(front_rows(archive))
    logger.info("written to %s: %s", written[0].parent, ", ".join(path.name for path in written))


def best(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    count: Annotated[int, typer.Option("--count", min=1, help="How many of the best to print.")] = 1,
    number: Annotated[
        int | None, typer.Option("--number", min=0, help="This individual instead, whatever its rank.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put it into the settings file, so that `dvc repro` trains it in full.")
    ] = False,
    from_weights: Annotated[
        bool,
        typer.Option(
            "--from-weights/--from-scratch",
            help="Start the full training from the individual's weights, or from random ones.",
        ),
    ] = True,
    model: Annotated[
        Path | None,
        typer.Option(help="Put its network, as the search trained it, into this folder, for predict and export."),
    ] = None,
    register: Annotated[
        str | None, typer.Option(metavar="NAME", help="Register its network in MLflow under this name.")
    ] = None,
    max_latency: Annotated[
        float | None, typer.Option("--max-latency", help="The best of those that take at most so many milliseconds.")
    ] = None,
    max_parameters: Annotated[
        float | None, typer.Option("--max-parameters", help="The best of those of at most so many parameters, as 2e6.")
    ] = None,
    max_multiply_adds: Annotated[
        float | None, typer.Option("--max-multiply-adds", help="The best of those of at most so many multiply-adds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the best individual's genotype as settings, or write it into the settings file."""
    settings = load_settings(params, overrides, more)
    limited = {"latency": max_latency, "parameters": max_parameters, "multiply_adds": max_multiply_adds}
    limits = {name: most for name, most in limited.items() if most is not None}
    options = {"--write": write, "--model": model, "--register": register}
    _check_choice(number, count, limits, next((name for name, given in options.items() if given), None))
    from evopose2d.config.editing import set_values
    from evopose2d.evolution.results.archive import read_search
    from evopose2d.evolution.results.winner import winners

    # What the file holds is what a winner's settings have to replace, whatever the overrides say.
    filed = load_settings(params, None, "")
    archive = read_search(Path(settings.evolve.root))
    found = winners(archive, filed.model, count=count, number=number, from_weights=from_weights, limits=limits)
    if model:
        _save_network(settings, archive, found[0].result, model)
    if register:
        from evopose2d.evolution.tracked import register_individual

        register_individual(settings, found[0].result.number, register)
    if write:
        set_values(params, found[0].settings)
    if as_json:
        typer.echo(json.dumps([winner.to_json() for winner in found], indent=1))
    else:
        typer.echo("---\n".join(winner.to_yaml() for winner in found), nl=False)
    if write:
        logger.info("%s holds these settings now; `dvc repro` trains the network in full", params)
    if model:
        logger.info("%s holds its network now; `evopose2d predict --model %s` tries it", model, model)


def _check_choice(number: int | None, count: int, limits: Mapping[str, float], used_for: str | None) -> None:
    """Refuse options of ``best`` that do not go together; ``used_for`` is one that takes a single individual."""
    if number is not None and count != 1:
        raise ConfigError(f"--count: got {count}, must be 1 with --number, which names one individual")
    if limits and number is not None:
        raise ConfigError(f"--number: got {number}, must be left out with limits, which choose for themselves")
    if used_for is not None and count != 1:
        raise ConfigError(f"--count: got {count}, must be 1 with {used_for}; name one with --number")


def _save_network(params: Params, archive: "SearchArchive", result: "IndividualResult", folder: Path) -> None:
    import_quietly("keras")
    from evopose2d.evolution.results.finished_network import finished_network
    from evopose2d.stages.pose_model import save_pose_model

    save_pose_model(folder, finished_network(params, archive, result).build())


def sync(
    overrides: Overrides = None, params: ParamsFile = PARAMS_FILE, more: Set = "", as_json: AsJson = False
) -> None:
    """Bring MLflow up to date with a search's folder; what is there is not recorded twice."""
    settings = load_settings(params, overrides, more)
    from evopose2d.evolution import tracked

    synced = tracked.sync(settings)
    if as_json:
        show(synced, title="", as_json=True)
    else:
        typer.echo(f"{synced['individuals']} individuals in MLflow, {synced['new']} of them new")
        typer.echo(synced["address"])


def show_finals(rows: Sequence[Mapping[str, Any]], verdict: str) -> None:
    """Print what the finals of a search came to, in columns that fit a terminal of 80 characters."""
    shown = [
        {
            "place": str(row["place"]),
            "individual": f"{row['individual']}{', the ancestor' if row['ancestor'] else ''}",
            "fitness": f"{row['fitness']:.4g}",
            "AP": _number(row["AP"], ".3f"),
            "val loss": _number(row["val_loss"], ".4g"),
            "M par": _number(row["parameters_m"], ".3g"),
            "GMACs": _number(row["gmacs"], ".3g"),
            **({} if row["latency_ms"] is None else {"ms": f"{row['latency_ms']:.3g}"}),
        }
        for row in rows
    ]
    show(shown, title="finals: all trained equally", as_json=False)
    typer.echo(verdict)


def show_best(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the best individuals of a search, in columns that fit a terminal of 80 characters."""
    shown = [
        {
            "no.": str(row["number"]),
            "gen": str(row["generation"]),
            "parent": str(row["parent"]),
            "fitness": f"{row['fitness']:.4g}",
            "gain": _number(row["gain"], "+.2f"),
            "AP": _number(row["AP"], ".3f"),
            "M par": _number(row["parameters"] / 1e6, ".3g"),
            "GMACs": f"{row['gmacs']:.3g}",
            **({"ms": f"{row['latency_ms']:.3g}"} if "latency_ms" in row else {}),
        }
        for row in rows
    ]
    show(shown, title="best individuals of the search", as_json=False)


def show_front(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the Pareto front of a search of several objectives, in columns that fit a terminal of 80 characters."""
    heads = {"parameters_m": "M par", "gmacs": "GMACs", "latency_ms": "ms", "val_loss": "val loss"}
    values = [name for name in (rows[0] if rows else ()) if name not in _OF_FRONT]
    shown = [
        {"no.": str(row["number"]), **{heads.get(name, name): _number(row[name], ".4g") for name in values}}
        for row in rows
    ]
    show(shown, title="Pareto front: nobody beats these in all objectives", as_json=False)
    typer.echo("`evolve best` takes any of them: --number 8, or --max-latency, --max-parameters, --max-multiply-adds")


def next_steps(params: Path, overrides: Sequence[str], root: str, server: str | None, pages: Sequence[str]) -> str:
    """Tell what to do with a search that has ended, as command lines to copy.

    Args:
        params: the settings file.
        overrides: settings of the command line.
        root: the search's folder.
        server: the command that serves MLflow's pages; None where a server does.
        pages: addresses of the search's pages; none where MLflow did not answer.
    """
    options = _options(params)
    where = "".join(f" {shlex.quote(part)}" for part in [*options, *([f"evolve.root={root}"] if overrides else [])])
    lines = [
        "",
        "train the best in full, from its weights or from scratch:",
        f"  evopose2d evolve best{where} --write && dvc repro",
        f"  evopose2d evolve best{where} --write --from-scratch && dvc repro",
        "tables and drawings without MLflow:",
        f"  evopose2d evolve report{where}",
    ]
    if not pages:  # the settings say where MLflow is, and what the champion is made of
        return "\n".join([*lines, "MLflow did not answer; once it does:", f"  {sync_command(params, overrides)}"])
    lines.append("compare the individuals:")
    return "\n".join([*lines, *([f"  {server}"] if server else []), *(f"  {page}" for page in pages)])


def sync_command(params: Path, overrides: Sequence[str]) -> str:
    """Return the command line that records in MLflow what it lacks of a search, to be run in the same folder.

    Args:
        params: the settings file.
        overrides: settings of the command line.
    """
    return shlex.join(["evopose2d", "sync", *_options(params), *overrides])


def _options(params: Path) -> list[str]:
    return [] if params == PARAMS_FILE else ["--params", str(params)]


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the columns that fit a terminal of 80 characters."""
    return [
        {
            "no.": str(row["number"]),
            "gen": str(row["generation"]),
            "parent": "" if row["parent"] is None else str(row["parent"]),
            "mutation": row["mutation"].replace("block ", "block") or row["role"],
            "fitness": row["state"] if row["fitness"] is None else f"{row['fitness']:.4g}",
            "gain": _number(row["gain"], "+.2f"),
            "AP": _number(row["AP"], ".3f"),
            "M par": f"{_number(row['parameters_m'], '.3g')} {'*' if row['pareto'] else ' '}",
        }
        for row in rows
    ]


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)

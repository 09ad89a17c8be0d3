"""Arguments that the subcommands share."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings that replace those of the file."),
]
ParamsFile = Annotated[Path, typer.Option("--params", help="The file with all settings.", dir_okay=False)]
Set = Annotated[
    str, typer.Option("--set", help="More KEY=VALUE settings in one text, separated by blanks (for MLflow Projects).")
]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the figures to this JSON file.", dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

PARAMS_FILE = Path("params.yaml")


def load_settings(params: Path, overrides: list[str] | None, more: str) -> Params:
    """Read the settings file with the overrides of the command line."""
    try:
        return load_params(params, [*(overrides or ()), *shlex.split(more)])
    except ValueError as error:
        raise ConfigError(f"--set {more!r}: {error}") from None

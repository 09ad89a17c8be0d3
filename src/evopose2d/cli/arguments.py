"""Arguments that the subcommands share, and what all have in common."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError
from evopose2d.files import at_home

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
_OPTION = re.compile(r"--[\w-]+=")


class Commands(TyperGroup):
    """Subcommands whose paths may begin with ``~/``, also where no shell has replaced it, as in ``--model=~/pose``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Click's or Typer's own
        """Put the user's own folder in the place of ``~`` in every argument and option's value."""
        options = [found[0] if (found := _OPTION.match(argument)) else "" for argument in args]
        return super().parse_args(
            ctx, [option + at_home(text.removeprefix(option)) for option, text in zip(options, args, strict=True)]
        )


def load_settings(params: Path, overrides: list[str] | None, more: str) -> Params:
    """Read the settings file with the overrides of the command line."""
    try:
        return load_params(params, [*(overrides or ()), *shlex.split(more)])
    except ValueError as error:
        raise ConfigError(f"--set {more!r}: {error}") from None

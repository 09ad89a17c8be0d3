"""The search's subcommands."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Overrides, ParamsFile, Set, load_settings
from evopose2d.cli.output import show
from evopose2d.cli.results import best, next_steps, report, show_best, show_finals, show_front, sync_command
from evopose2d.cli.status import status


class _RunByDefault(TyperGroup):
    """Takes ``evolve [KEY=VALUE]...`` for ``evolve run [KEY=VALUE]...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own, which it hides
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


evolve = typer.Typer(
    name="evolve",
    cls=_RunByDefault,
    help="Search for a network by neuroevolution; without a subcommand, run the search.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@evolve.command()
def run(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    as_json: AsJson = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Train nothing: time a few steps, and say what the search would take.")
    ] = False,
) -> None:
    """Run the search, or go on with it where it stopped."""
    settings = load_settings(params, overrides, more)
    if plan:
        from evopose2d.evolution.plan import plan_search

        planned = plan_search(settings)
        show(asdict(planned) if as_json else planned.rows(), title="the search would take", as_json=as_json)
        return
    from evopose2d.evolution import tracked
    from evopose2d.evolution.preparation import bring_data_up_to_date

    bring_data_up_to_date(settings, Path.cwd())
    given = [*(overrides or ()), *more.split()]
    outcome = tracked.run(settings, sync_command(params, given))
    if as_json:
        content = {name: getattr(outcome, name) for name in ("best", "finals", "verdict", "front")}
        show(content, title="", as_json=True)
    else:
        show_best(outcome.best)
        if outcome.finals:
            show_finals(outcome.finals, outcome.verdict)
        if outcome.front:
            show_front(outcome.front)
        server, pages = tracked.pages(outcome.runs)
        typer.echo(next_steps(params, given, settings.evolve.root, server, pages))


evolve.command()(report)
evolve.command()(best)
evolve.command()(status)

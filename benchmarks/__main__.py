"""``python -m benchmarks``: the measurements behind docs/performance.md."""

from typing import Annotated

import typer

from benchmarks.evolve_command import evolve
from benchmarks.steps_command import accelerator, evaluate, memory, train_step
from evopose2d.cli import main
from evopose2d.cli.output import configure_logging

app = typer.Typer(
    name="benchmarks",
    help="Measure this project beside the original implementation, and what a search costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, the libraries' logs included.")] = False,
) -> None:
    """Measure this project beside the original implementation, and what a search costs."""
    configure_logging(verbose=verbose, quiet=False)


for command in (train_step, evaluate, evolve, accelerator, memory):
    app.command()(command)

if __name__ == "__main__":
    main(app)

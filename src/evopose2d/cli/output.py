"""What commands show: readable logs on standard error, tables or JSON on standard output."""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from evopose2d.files import write_json
from evopose2d.importing import import_large

_LIBRARIES = ("tensorflow", "absl", "alembic", "jax", "matplotlib", "PIL")


def configure_logging(*, verbose: bool, quiet: bool) -> None:
    """Send the package's logs to standard error, coloured on a terminal, plain elsewhere.

    Args:
        verbose: debug messages too, with the libraries' own.
        quiet: warnings and errors alone.
    """
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=verbose, log_time_format="[%X]")
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("evopose2d").setLevel(level)
    # MLflow sets up its own logging when it is imported, by this variable.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "INFO" if verbose else "WARNING")
    # With a server, MLflow prints addresses of runs on standard output, which is a command's own.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.ERROR)


def import_quietly(name: str) -> None:
    """Import TensorFlow, or Keras with its backend, without the lines that they print before log levels apply."""
    standard_error = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a file
        os.dup2(nowhere.fileno(), 2)
        try:
            import_large(name)
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def save(content: Mapping[str, Any] | Sequence[Mapping[str, Any]], file: Path | None) -> None:
    """Write what a command shows to a JSON file, if one is wanted."""
    if file is not None:
        write_json(file, content)


def show(content: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, title: str, as_json: bool) -> None:
    """Print names with values, or rows of equal keys, as a table or as JSON."""
    console = Console(markup=False)  # brackets are text: an extra of a package, a shape
    if as_json:
        console.print_json(json.dumps(content), indent=1)
        return
    rows: Sequence[Mapping[str, Any]]
    if isinstance(content, Mapping):
        rows = [{"name": name, "value": value} for name, value in content.items()]
    else:
        rows = content
    table = Table(title=title, title_justify="left", show_header=not isinstance(content, Mapping))
    for index, name in enumerate(rows[0] if rows else ()):
        table.add_column(name.replace("_", " "), justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:  # noqa: ANN401 - any value
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

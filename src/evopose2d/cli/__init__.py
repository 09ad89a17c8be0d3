"""The command ``evopose2d``: one subcommand a stage.

Nothing heavy is imported before a stage runs, so that ``--help`` and a mistake in ``params.yaml`` answer at once.
"""

import os
import sys

from evopose2d.cli.app import app
from evopose2d.errors import EvoPoseError

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


def main() -> None:
    """Run the command line; a user's mistake ends in one line on standard error and its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except EvoPoseError as error:
        sys.stderr.write(f"evopose2d: {error}\n")
        sys.exit(error.exit_status)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            sys.stderr.write("evopose2d: interrupted; the same command goes on where it stopped\n")
        raise

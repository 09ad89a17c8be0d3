"""``evopose2d evolve status``: a search that is running, seen from another terminal or another machine."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Overrides, ParamsFile, Set, load_settings

if TYPE_CHECKING:
    from evopose2d.evolution.results.status_file import SearchStatus

_PAUSE = 2.0  # seconds between two looks


def status(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    more: Set = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until the search ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a search is doing: who trains where since when, throughput, time left, last failures."""
    root = Path(load_settings(params, overrides, more).evolve.root)
    from evopose2d.evolution.results.status_file import read_status

    found = read_status(root)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        while watch and found.state == "running":
            time.sleep(_PAUSE)
            found = read_status(root)
            typer.echo(json.dumps(found.to_json()))
    elif watch:
        with Live(render(found, time.time()), auto_refresh=False) as live:
            while found.state == "running":
                time.sleep(_PAUSE)
                found = read_status(root)
                live.update(render(found, time.time()), refresh=True)
    else:
        Console(markup=False).print(render(found, time.time()))


def render(found: "SearchStatus", now: float) -> RenderableType:
    """Draw a status: what the search has come to, its machines, who is being trained, and the last failures.

    Args:
        found: the status.
        now: seconds since 1970.
    """
    parts: list[RenderableType] = [_heading(found, now)]
    machines = _table("machine", "state", "trained", "training", "of")
    for each in found.machines:
        state = each.standing + (f": {each.reason}" if each.reason else "")
        machines.add_row(each.host, state, str(each.trained), str(len(each.running)), str(each.room))
    running = _table("individual", "generation", "machine", "since", "for")
    for one in found.running:
        since = _parse(one.since)
        spent = _duration(max(0.0, now - since))
        running.add_row(str(one.number), str(one.generation), one.host, one.since[11:19], spent)
    failures = _table("failed", "at", "machine", "error")
    for failure in found.failures:
        failures.add_row(str(failure.number), failure.time[11:19], failure.host, failure.error)
    return Group(*parts, *(table for table in (machines, running, failures) if table.row_count))


def _heading(found: "SearchStatus", now: float) -> str:
    silent = found.silent_for(now)
    state = found.state + (f" ({found.reason})" if found.reason else "")
    if silent:
        state = f"no news for {_duration(silent)}: its driver was killed or is stuck; the same command resumes it"
    lines = [f"{found.done} of {found.total} individuals done, {found.failed} failed; {state}"]
    if found.best is not None:
        ap = "" if found.best["AP"] is None else f", AP {found.best['AP']:.3f}"
        lines.append(f"best: individual {found.best['number']}, fitness {found.best['fitness']:.4g}{ap}")
    rate = "" if found.per_hour is None else f"{found.per_hour:.3g} individuals an hour, "
    left = "" if found.remaining is None or found.state != "running" else f", about {_duration(found.remaining)} left"
    lines.append(f"{rate}{found.utilisation:.0%} of the slots' time in use{left}")
    lines.append(f"driver: process {found.pid} on {found.host}, started {found.started.replace('T', ' ')}")
    return "\n".join(lines)


def _table(*columns: str) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _parse(time_of: str) -> float:
    return datetime.fromisoformat(time_of).timestamp()


def _duration(seconds: float) -> str:
    from evopose2d.evolution.results.progress import duration

    return duration(seconds)

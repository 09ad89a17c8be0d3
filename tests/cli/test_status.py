import json

from rich.console import Console
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.cli.status import render
from evopose2d.evolution.results.status_file import RecentFailure, RunningIndividual, SearchStatus
from evopose2d.evolution.working.engine import MachineState
from evopose2d.files import write_json

FOUND = SearchStatus(
    written="2026-01-01T10:00:00+00:00",
    state="running",
    reason="",
    host="head",
    pid=7,
    started="2026-01-01T08:00:00+00:00",
    total=31,
    done=12,
    failed=1,
    best={"number": 9, "fitness": 0.5, "AP": 0.61},
    per_hour=6.0,
    utilisation=0.93,
    remaining=7200.0,
    running=(RunningIndividual(13, 2, "2026-01-01T09:58:00+00:00", "first", 2),),
    machines=(
        MachineState("first", 2, "used", "", (13,), 8),
        MachineState("second", 2, "left out", "has other versions: keras 3.1", (), 0),
    ),
    failures=(RecentFailure(5, "2026-01-01T09:00:00+00:00", "first", "the loss became nan"),),
)
NOW = 1767261600.0  # when it was written


def drawn(found, now):
    console = Console(width=110, record=True, quiet=False)
    with console.capture() as captured:
        console.print(render(found, now))
    return captured.get()


def test_what_is_shown():
    text = drawn(FOUND, NOW)
    for part in (
        "12 of 31 individuals done, 1 failed; running",
        "individual 9, fitness 0.5, AP 0.610",
        "6 individuals an hour, 93% of the slots' time in use, about 2 h 00 min left",
        "process 7 on head",
        "left out: has other versions: keras 3.1",
        "2 min",
        "the loss became nan",
    ):
        assert part in text


def test_a_silent_driver_is_named():
    assert "no news for 10 min: its driver was killed or is stuck" in drawn(FOUND, NOW + 600)


def test_the_command_gives_json(tmp_path):
    write_json(tmp_path / "status.json", FOUND.to_json())
    result = CliRunner().invoke(app, ["evolve", "status", f"evolve.root={tmp_path}", "--json"])
    assert result.exit_code == 0, result.output
    assert SearchStatus.from_json(json.loads(result.stdout)) == FOUND

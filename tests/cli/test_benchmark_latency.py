"""`evopose2d benchmark latency`, and a front on the terminal: of networks whose measurements are pretended."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evopose2d.cli.app import app
from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.latency import gauge
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.front import front_rows
from evopose2d.export.latency import Latency

sys.path.insert(0, str(Path(__file__).parents[1] / "evolution"))
from search_doubles import MEASURED, PARAMS_FILE, SMALL, NotedMeter, make_params, run_measured


class _Meter:
    """A part takes a millisecond, a cut nothing, a network as long as its parts but for its number."""

    asked: list[dict]

    def __init__(self, cores):
        del cores

    def __call__(self, request):
        self.asked.append(dict(request))
        if "part" in request:
            return Latency(0.001 if request["part"]["kind"] == "cut" else 1.0, 0.1, True)
        return Latency(10.0 + len(self.asked) / 100, 0.1, True)

    def close(self):
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What the measuring process is asked."""
    _Meter.asked = []
    monkeypatch.setattr(gauge, "Meter", _Meter)
    monkeypatch.setattr(gauge, "_keep_to", lambda cores: None)
    return _Meter.asked


def _invoke(folder: Path, *arguments: str):
    paths = [f"dataset.root={folder / 'coco'}", f"write_tfrecords.root={folder / 'records'}"]
    settings = [*SMALL, *paths, f"evolve.root={folder / 'search'}", "evolve.latency.checks=3"]
    command = ["-q", *arguments, "--params", str(PARAMS_FILE), *settings]
    return CliRunner().invoke(app, command, catch_exceptions=True, env={"COLUMNS": "80"})


def test_the_table_is_measured_once_and_its_error_told(tmp_path: Path, asked: list[dict]):
    make_params(tmp_path)
    first = _invoke(tmp_path, "benchmark", "latency", "--json", "--out", str(tmp_path / "out.json"))
    assert first.exit_code == 0, first.output
    content = json.loads(first.stdout)
    assert content == json.loads((tmp_path / "out.json").read_text())
    whole = [request for request in asked if "part" not in request]
    assert len(content["networks"]) == len(whole) == 3
    assert content["parts"] == len(asked) - 3
    for row in content["networks"]:
        assert row["error"] == pytest.approx(row["predicted_ms"] / row["measured_ms"] - 1)
    errors = sorted(abs(row["error"]) for row in content["networks"])
    assert (content["error"]["median"], content["error"]["worst"]) == pytest.approx((errors[1], errors[2]))
    table = json.loads((tmp_path / "search/latency/table.json").read_text())
    assert len(table["parts"]) == content["parts"]

    asked.clear()
    shown = _invoke(tmp_path, "benchmark", "latency")
    assert shown.exit_code == 0, shown.output
    assert asked == []
    assert f"{content['parts']} parts; " in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:-1])) <= 80


def test_settings_that_do_not_fit_the_table_are_told_in_a_line(tmp_path: Path, asked: list[dict]):
    make_params(tmp_path)
    assert _invoke(tmp_path, "benchmark", "latency").exit_code == 0
    refused = _invoke(tmp_path, "benchmark", "latency", "evolve.latency.format=onnx")
    assert isinstance(refused.exception, ConfigError)
    assert "evolve.latency.format tflite -> onnx" in str(refused.exception)
    assert "\n" not in str(refused.exception)


def test_a_front_is_shown_and_any_of_it_taken(tmp_path: Path):
    params = run_measured(tmp_path, NotedMeter(tmp_path / "notes"))
    rows = front_rows(read_search(Path(params.evolve.root)))
    invoke = partial(_invoke, tmp_path)
    shown = invoke("evolve", "report", *MEASURED)
    assert shown.exit_code == 0, shown.output
    front = shown.stdout.partition("Pareto front")[2]
    assert len(rows) > 1
    for row in rows:
        assert f"│ {row['number']} " in front and f"{row['latency_ms']:.4g} " in front
    assert max(map(len, front.splitlines()[1:-1])) <= 80 and "…" not in front

    fastest = rows[-1]
    limited = invoke("evolve", "best", "--json", "--max-latency", str(fastest["latency_ms"]), *MEASURED)
    (found,) = json.loads(limited.stdout)
    assert (found["number"], found["latency_ms"]) == (fastest["number"], fastest["latency_ms"])
    assert json.loads(invoke("evolve", "best", "--json", "--number", str(rows[0]["number"])).stdout)
    refused = invoke("evolve", "best", "--max-latency", "0.01")
    assert isinstance(refused.exception, SearchError)
    assert f"of individual {fastest['number']}" in str(refused.exception)

"""A search whose individuals' networks are measured: each once, whatever is broken off."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from search_doubles import MEASURED, make_params, population, run_measured, trained

from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import check_search
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.latency import gauge as gauge_module
from evopose2d.evolution.latency.gauge import reserved_processors
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.front import front_rows
from evopose2d.evolution.results.journal import read_study
from evopose2d.evolution.results.limits import best_within
from evopose2d.evolution.results.report import final_rows
from evopose2d.evolution.results.winner import winners
from evopose2d.evolution.tracking.records import RunContext, run_of_result
from evopose2d.export.latency import Latency


def _milliseconds(genotype):
    return sum(channels * repeats for _, repeats, channels, _ in genotype) / 10


class _Meter:
    def __init__(self, *, fails_at=None):
        self.measured = []
        self._fails_at = fails_at

    def __call__(self, request):
        if len(self.measured) == self._fails_at:
            raise SearchError("no phone")
        self.measured.append(json.dumps(request["model"]["genotype"]))
        return Latency(_milliseconds(request["model"]["genotype"]), 0.5, True)


def test_every_individual_has_its_latency_and_no_network_is_measured_twice(tmp_path):
    meter = _Meter()
    params = run_measured(tmp_path, meter)
    archive = read_search(Path(params.evolve.root))
    everybody = [*archive.results.values(), *archive.finals.values()]
    assert len(everybody) > len(archive.results) > 9  # controls and finalists are of networks that are known
    for result in everybody:
        assert (result.latency, result.latency_spread) == (_milliseconds(result.genotype.to_lists()), 0.5)
    assert len(meter.measured) == len(set(meter.measured)) < len(everybody)
    study = read_study(Path(params.evolve.root) / "study.journal")
    assert [trial.values[1] for trial in study.trials] == [
        archive.results[each.number].latency for each in study.trials
    ]
    rows = front_rows(archive)
    assert [row["latency_ms"] for row in rows] == sorted((row["latency_ms"] for row in rows), reverse=True)
    assert all(row["latency_ms"] == archive.results[row["individual"]].latency for row in final_rows(archive))
    (fastest,) = winners(archive, params.model, limits={"latency": rows[-1]["latency_ms"]})
    assert fastest.result.number == rows[-1]["number"]
    assert " ms\n" in fastest.to_yaml()


def test_a_search_that_goes_on_takes_what_was_measured(tmp_path):
    unbroken = run_measured(tmp_path / "unbroken", _Meter())
    first, second = _Meter(), _Meter()
    with pytest.raises(KeyboardInterrupt):
        run_measured(tmp_path / "broken", first, stop_at=7)
    resumed = run_measured(tmp_path / "broken", second)
    assert population(resumed) == population(unbroken)
    assert not set(first.measured) & set(second.measured)
    numbers = trained(tmp_path / "broken" / "notes")
    assert sorted(numbers) == sorted(set(numbers))


def test_a_device_that_does_not_answer_stops_the_search_which_then_goes_on(tmp_path):
    unbroken = run_measured(tmp_path / "unbroken", _Meter())
    with pytest.raises(SearchError, match=r"^no phone; once that is mended, the same command goes on from here$"):
        run_measured(tmp_path / "broken", _Meter(fails_at=3))
    assert population(run_measured(tmp_path / "broken", _Meter())) == population(unbroken)


def test_mlflow_is_told(tmp_path):
    params = run_measured(tmp_path, _Meter())
    result = read_search(Path(params.evolve.root)).results[1]
    folder = tmp_path / "run"
    folder.mkdir()
    run = run_of_result(result, RunContext(SearchStore(Path(params.evolve.root)), 9, str), folder)
    logged = {each.name: each.value for each in run.measurements}
    assert (logged["latency_ms"], logged["latency_spread_ms"]) == (result.latency, result.latency_spread)


def test_of_equals_within_limits_the_one_that_needs_less_is_best(tmp_path):
    params = run_measured(tmp_path, _Meter())
    archive = read_search(Path(params.evolve.root))
    alike = [replace(each, measurements={**each.measurements, "ap": 0.5}) for each in archive.individuals]
    found = best_within(replace(archive, individuals=alike), {"latency": 1e6}, count=3)
    children = [each.measurements["latency"] for each in alike if each.role != "control"]
    assert [each.measurements["latency"] for each in found] == sorted(children)[:3]
    assert found[0].number != 0


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["evolve.objectives=[ap,latency]"],
            r"^evolve\.latency\.source: got 'none', must be onnx, tflite, command or table where latency is an",
        ),
        (["evolve.latency.source=command"], r"^evolve\.latency\.command: got None, must name one with \{model\}"),
        (["evolve.latency.command=bench {model}"], r"^evolve\.latency\.command: got 'bench .*, must be null where"),
        (
            ["evolve.latency.source=command", "evolve.latency.command=bench"],
            r"^evolve\.latency\.command: got 'bench', must hold \{model\}, the file to measure$",
        ),
    ],
)
def test_settings_that_measure_nothing_are_refused(tmp_path, overrides, told):
    with pytest.raises(ConfigError, match=told) as refused:
        check_search(make_params(tmp_path, *overrides))
    assert "\n" not in str(refused.value)


def test_processors_are_set_apart_and_given_back(tmp_path, monkeypatch):
    latency = make_params(tmp_path, *MEASURED).evolve.latency
    kept = []
    monkeypatch.setattr(gauge_module.os, "sched_getaffinity", lambda pid: {0, 1, 2, 5}, raising=False)
    monkeypatch.setattr(
        gauge_module.os, "sched_setaffinity", lambda pid, cores: kept.append(list(cores)), raising=False
    )
    with reserved_processors(latency) as cores:
        assert list(cores) == [5]
        assert kept and all(each == [0, 1, 2] for each in kept)
        kept.clear()
    assert kept and all(each == [0, 1, 2, 5] for each in kept)
    monkeypatch.setattr(gauge_module.os, "sched_getaffinity", lambda pid: {3}, raising=False)
    with pytest.raises(ConfigError, match=r"^evolve\.latency\.threads: got 1, must be less than the 1 processors here"):
        reserved_processors(latency).__enter__()

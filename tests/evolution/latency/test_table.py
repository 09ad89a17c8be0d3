"""Latencies predicted from those of parts: each part measured once, whatever is broken off."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from search_doubles import make_params, population, run_measured

from evopose2d.errors import ConfigError, SearchError
from evopose2d.evolution.individuals.configuration import check_search, network_spec
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.store import SearchStore
from evopose2d.evolution.latency import table as table_module
from evopose2d.evolution.latency.table import LatencyTable
from evopose2d.evolution.results.archive import read_search
from evopose2d.evolution.results.front import front_axes
from evopose2d.evolution.results.prediction import PredictionError, table_path
from evopose2d.evolution.results.report import summary
from evopose2d.evolution.results.winner import winners
from evopose2d.evolution.tracking.records import RunContext, run_of_result
from evopose2d.export.latency import Latency
from evopose2d.genotype import Genotype
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.parts import Part, parts_of

TABLE = ("evolve.latency.source=table", "evolve.latency.checks=5")
CALL = 0.5  # milliseconds that any call takes
FASTER = 0.9  # of its parts' time that a whole network takes


def _computing(part):
    return part.inputs * part.outputs * part.kernel / 1e3


class _Meter:
    """A device on which a call has a cost of its own, and a network is a little faster than its parts."""

    def __init__(self, params, *, fails_at=None):
        self.parts, self.networks = [], []
        self._params = params
        self._fails_at = fails_at

    def __call__(self, request):
        if len(self.parts) == self._fails_at:
            raise SearchError("no phone")
        if "part" in request:
            part = Part(**request["part"])
            self.parts.append(part)
            return Latency(CALL + (0 if part.kind == "cut" else _computing(part)), 0.1, True)
        self.networks.append(json.dumps(request["model"]["genotype"]))
        return Latency(self.whole(Genotype.from_lists(request["model"]["genotype"])), 0.1, True)

    def whole(self, genotype):
        spec = network_spec(self._params.model, genotype, COCO_PERSON.count)
        return FASTER * (CALL + sum(map(_computing, parts_of(spec))))


@pytest.fixture
def params(tmp_path):
    return make_params(tmp_path, *TABLE)


def _opened(params, meter):
    return LatencyTable(params, COCO_PERSON, meter)


def test_a_network_takes_what_its_parts_take_less_their_cuts(params):
    meter = _Meter(params)
    table = _opened(params, meter)
    ancestor = search_space(params).ancestor
    found = table.predict(ancestor)
    assert found.milliseconds == pytest.approx(meter.whole(ancestor))
    assert found.relative_error == pytest.approx(0.0)
    assert found.spread is None
    assert len(meter.networks) == len(set(meter.networks)) == 5
    assert len(meter.parts) == len(set(meter.parts)) == table.parts
    before = len(meter.parts)
    assert table.predict(ancestor) == found
    assert len(meter.parts) == before


def test_what_was_measured_is_taken_by_the_next_process(params):
    unbroken = _Meter(params)
    expected = _opened(params, unbroken).predict(search_space(params).ancestor)
    table_path(Path(params.evolve.root)).unlink()
    first, second = _Meter(params, fails_at=20), _Meter(params)
    with pytest.raises(SearchError, match="no phone"):
        _opened(params, first).check()
    assert _opened(params, second).predict(search_space(params).ancestor) == expected
    assert not set(first.parts) & set(second.parts)
    assert not set(first.networks) & set(second.networks)
    assert {*first.parts, *second.parts} == set(unbroken.parts)
    third = _Meter(params)
    assert _opened(params, third).predict(search_space(params).ancestor) == expected
    assert third.parts == third.networks == []


def test_a_table_of_another_machine_or_of_other_settings_is_refused(params, tmp_path, monkeypatch):
    _opened(params, _Meter(params)).check()
    threads = replace(params.evolve.latency, threads=2)
    others = replace(params, evolve=replace(params.evolve, latency=threads))
    with pytest.raises(ConfigError, match=r"table\.json: was measured on .* evolve\.latency\.threads 1 -> 2; go"):
        _opened(others, _Meter(params))
    monkeypatch.setattr(table_module, "_processor", lambda: "Another 9000")
    with pytest.raises(ConfigError, match=r"with processor .* -> Another 9000; go on as it was begun, or remove it"):
        _opened(params, _Meter(params))
    table_path(Path(params.evolve.root)).write_text("{}")
    with pytest.raises(SearchError, match=r"table\.json: cannot be read .*; remove it to measure again"):
        _opened(params, _Meter(params))


def test_a_table_by_a_command_does_not_depend_on_this_machine(tmp_path, monkeypatch):
    params = make_params(tmp_path, *TABLE, "evolve.latency.command=bench {model}")
    check_search(params)
    _opened(params, _Meter(params)).check()
    monkeypatch.setattr(table_module, "_processor", lambda: "Another 9000")
    meter = _Meter(params)
    _opened(params, meter).check()
    assert meter.parts == []


def test_a_search_ranks_by_predictions_and_tells_them_as_such(tmp_path):
    params = make_params(tmp_path, *TABLE)
    meter = _Meter(params)
    run_measured(tmp_path, meter, *TABLE)
    archive = read_search(Path(params.evolve.root))
    assert len(archive.results) > 9
    for result in archive.results.values():
        assert result.latency == pytest.approx(meter.whole(result.genotype))
        assert (result.latency_spread, result.latency_error) == (None, pytest.approx(0.0))
    assert len(meter.networks) == 5  # the others are predicted
    error = PredictionError.read(archive.root)
    assert error.networks == 5
    assert f"Latencies are predicted from those of the networks' parts: {error}." in summary(archive)
    assert "predicted latency (ms)" in [axis.label for axis in front_axes(archive)]
    assert "(predicted; half of the predictions are within 0.0%)" in winners(archive, params.model)[0].to_yaml()
    folder = tmp_path / "run"
    folder.mkdir()
    run = run_of_result(archive.results[1], RunContext(SearchStore(archive.root), 9, str), folder)
    logged = {each.name: each.value for each in run.measurements}
    assert logged["latency_error_percent"] == pytest.approx(0.0)
    assert "latency_spread_ms" not in logged


def test_a_search_broken_off_is_the_same(tmp_path):
    params = make_params(tmp_path / "unbroken", *TABLE)
    unbroken = run_measured(tmp_path / "unbroken", _Meter(params), *TABLE)
    with pytest.raises(KeyboardInterrupt):
        run_measured(tmp_path / "broken", _Meter(params), *TABLE, stop_at=7)
    resumed = run_measured(tmp_path / "broken", _Meter(params), *TABLE)
    assert population(resumed) == population(unbroken)


def test_a_space_of_one_network_is_refused(tmp_path):
    blocks = "[[3,1,1,1],[3,1,1,2],[3,1,1,2],[3,1,1,2],[3,1,1,1],[3,1,1,1],[3,1,1,1]]"
    space = ("evolve.space.kernels=[3]", "evolve.space.repeats=[1,1]", "evolve.space.stride_blocks=0")
    params = make_params(tmp_path, *TABLE, *space, "evolve.space.strided=[3,3]", f"evolve.ancestor={blocks}")
    meter = _Meter(params)
    with pytest.raises(SearchError, match=r"^evolve\.space: holds one network, must hold two or more"):
        _opened(params, meter).check()
    assert not meter.parts and not meter.networks

"""What the measuring process does: commands of the user's, and networks really exported and timed."""

import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from search_doubles import TINY_ANCESTOR, make_params

from evopose2d.errors import SearchError
from evopose2d.evolution.latency.gauge import Meter
from evopose2d.evolution.latency.meter import run_command
from evopose2d.export.latency import time_until_stable
from evopose2d.keypoints import COCO_PERSON
from evopose2d.networks.parts import Part


def _command(code: str) -> str:
    return f'{sys.executable} -c "{code}" {{model}}'


def test_a_command_is_given_the_file_and_its_times_are_summarised(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"12345")
    found = run_command(_command("import sys, os; print(os.path.getsize(sys.argv[1]), '6 ms', 9)"), file)
    assert (found.milliseconds, found.spread) == (6.0, 2.0)


def test_a_command_that_prints_a_single_time_is_run_again(tmp_path):
    notes = tmp_path / "notes"
    code = f"import pathlib; n = pathlib.Path('{notes}'); n.open('a').write('x'); print(len(n.read_text()) * 10)"
    assert run_command(_command(code), tmp_path / "model").milliseconds == 20.0
    assert notes.read_text() == "xxx"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (_command("print('fast')"), "printed 'fast', must print milliseconds above 0 alone"),
        (_command("print(-1)"), "printed '-1', must print"),
        (_command(""), "printed 'nothing', must print"),
        (_command("import sys; sys.exit('no phone')"), "ended with status 1, said: no phone"),
        ("/no/such/bench {model}", "No such file or directory"),
    ],
)
def test_a_command_that_fails_is_told_in_one_line(tmp_path, command, told):
    with pytest.raises(SearchError, match=rf"^evolve\.latency\.command: .*{told}") as raised:
        run_command(command, tmp_path / "model")
    assert "\n" not in str(raised.value)


def _clock(durations):
    """A clock that makes each call last as long as is said, in milliseconds."""
    now, durations = 0.0, iter(durations)
    while True:
        yield now
        now += next(durations) / 1000
        yield now


def _timed(durations):
    clock, calls = _clock(durations), []
    return time_until_stable(lambda: calls.append(1), lambda: next(clock)), len(calls)


def test_calls_are_timed_until_their_median_is_stable():
    found, calls = _timed([*([9.0] * 20), *([7.0] * 20), *([5.0, 4.0] * 10), *([5.0, 4.0] * 100)])
    assert found.stable
    assert (found.milliseconds, found.spread) == pytest.approx((4.5, 1.0))
    assert calls == 5 + 100


def test_short_calls_are_timed_for_longer():
    found, calls = _timed([0.5] * 1000)
    assert found.stable
    assert calls >= 5 + 3 * 100


def test_a_time_that_never_settles_is_told():
    found, calls = _timed(5.0 + each // 20 for each in range(10_000))
    assert not found.stable
    assert calls == 5 + 40 * 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="binds processes to processors")
def test_a_process_measures_networks_in_the_runtimes(tmp_path: Path):
    params = make_params(tmp_path, "model.head_channels=16")
    meter = Meter(sorted(os.sched_getaffinity(0))[-1:])

    common = {"keypoints": asdict(COCO_PERSON), "threads": 1}
    size = _command("import sys, os; print(os.path.getsize(sys.argv[1]))")

    def measured(source, genotype):
        model = asdict(params.model) | {"genotype": genotype}
        command = size if source == "command" else None
        return meter({"model": model, **common, "source": source, "format": "tflite", "command": command})

    def part(name, part):
        return meter({"part": asdict(part), **common, "source": "table", "format": name, "command": None})

    try:
        for name in ("tflite", "onnx"):
            block = Part("block", 16, 12, 64, 64, kernel=5, expansion=6, squeeze=16)
            assert 0 < part(name, block.cut).milliseconds < part(name, block).milliseconds
            assert part(name, Part("heatmaps", 16, 12, 8, 17)).milliseconds > 0
        for source in ("tflite", "onnx"):
            small, large = (measured(source, genotype) for genotype in (TINY_ANCESTOR, params.evolve.ancestor))
            assert 0 < small.milliseconds < large.milliseconds
        assert measured("command", TINY_ANCESTOR).milliseconds > 1000  # bytes of the file, which it can read
        with pytest.raises(SearchError, match="model"):
            meter({"model": {"architecture": "none"}, **common, "source": "tflite"})
        assert measured("tflite", TINY_ANCESTOR).milliseconds > 0  # it goes on
    finally:
        meter.close()

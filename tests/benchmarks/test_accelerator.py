"""What would be measured on an accelerator, on networks of a CPU's size."""

import keras
import pytest
from benchmarks.accelerator import AcceleratorBenchmark, Extent
from benchmarks.training_process import matrix_operations_per_second

from benchmarks import accelerator

_TINY = {
    "model.input_shape": [32, 32],
    "model.head_channels": 8,
    "model.genotype": [[3, 1, 1, 1], [3, 1, 1, 2], [3, 1, 1, 2], [3, 1, 1, 2], *[[3, 1, 1, 1]] * 3],
}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(
        accelerator, "network_overrides", lambda name: [f"{key}={value}" for key, value in _TINY.items()]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_step_is_measured(project_root):
    benchmark = AcceleratorBenchmark(project_root / "params.yaml", Extent(["tiny"], 2, 3, 120.0, "cpu"))
    row = benchmark._attempt(
        {"network": "tiny", "precision": "float32", "xla": "never"}, lambda row: benchmark._step_row(row, 2)
    )
    assert row["images_per_second"] == pytest.approx(2 / row["median_s"])
    assert 0 < row["of_matrix_product"] < 1
    assert row["start_s"] > row["median_s"]
    assert row["device_peak_mb"] == 0  # of a CPU


@pytest.mark.usefixtures("tiny")
def test_all_parts_are_told(project_root, monkeypatch):
    seen = []

    def timed(self, overrides, environment):
        seen.append((tuple(overrides), tuple(environment.items())))
        self._start -= 50
        if "train.batch_size=256" in overrides:
            raise accelerator.TrainingError("out of memory")
        return {"median_s": 0.5, "images_per_second": 128.0}

    monkeypatch.setattr(AcceleratorBenchmark, "_timed", timed)
    monkeypatch.setattr(AcceleratorBenchmark, "_command", lambda self, *words: None)
    parts = AcceleratorBenchmark(project_root / "params.yaml", Extent(["xs", "l"], seconds=1200.0)).run()
    assert list(parts) == ["machine", "steps", "sharing", "largest_batch", "around"]
    assert [(row["network"], row["precision"], row["xla"]) for row in parts["steps"]][:3] == [
        ("xs", "bfloat16", "always"),
        ("l", "bfloat16", "always"),
        ("xs", "float32", "always"),
    ]
    assert [row["images_per_second"] for row in parts["sharing"]] == [128.0, 256.0]
    assert sum(environment == (("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.4750"),) for _, environment in seen) == 2
    batches = [(row["network"], row["batch"], row.get("failed")) for row in parts["largest_batch"]]
    assert batches == [
        *[("xs", batch, None) for batch in (64, 128)],
        ("xs", 256, "out of memory"),
        *[("l", batch, None) for batch in (64, 128)],
        ("l", 256, "out of memory"),
    ]
    assert ["seconds" in row for row in parts["around"]] == [True, False, True]  # the pipeline's rates are not there


@pytest.mark.usefixtures("tiny")
def test_a_part_leaves_time_to_those_after_it(project_root, monkeypatch):
    def timed(self, overrides, environment):
        self._start -= 50
        return {"median_s": 0.5, "images_per_second": 128.0}

    monkeypatch.setattr(AcceleratorBenchmark, "_timed", timed)
    monkeypatch.setattr(AcceleratorBenchmark, "_command", lambda self, *words: None)
    parts = AcceleratorBenchmark(project_root / "params.yaml", Extent(["xs", "l"], seconds=500.0)).run()
    missed = {part: [row.get("failed") for row in rows] for part, rows in parts.items()}
    no_time = "not measured: no time was left"
    assert missed["steps"] == [None] * 5 + [no_time] * 3
    assert missed["sharing"] == [None, no_time]
    assert missed["largest_batch"] == [None, None, no_time, no_time]
    assert missed["around"][-1] is None


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_pace_of_matrix_products_is_measured_in_either_precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert matrix_operations_per_second(8, repeats=1) > 0
    finally:
        keras.config.set_dtype_policy(before)

"""Learning rates against those of the original."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.conftest import train_config

from evopose2d.training.schedules import learning_rate

_CASES = {
    "cosine_bs512": ({"epochs": 200, "batch_size": 512, "warmup_epochs": 5}, 293),
    "cosine_bs512_nowarm": ({"epochs": 5, "batch_size": 512, "warmup_epochs": 0}, 293),
    "piecewise_bs64": ({"epochs": 210, "batch_size": 64, "schedule": "piecewise", "warmup_epochs": 0}, 2341),
}


@pytest.mark.parametrize("name", _CASES)
def test_schedule_is_the_original_s(reference: Path, name: str):
    changes, steps_per_epoch = _CASES[name]
    expected = json.loads((reference / "lr_ref.json").read_text())[name]
    schedule = learning_rate(train_config(learning_rate=0.00025, **changes), steps_per_epoch)
    rates = np.array([float(schedule(step)) for step in expected["steps"]])
    np.testing.assert_allclose(rates, expected["lr"], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "piecewise"])
@pytest.mark.parametrize("batch_size", [1, 16, 31, 33, 64, 512])
def test_warm_up_rises_to_the_peak_whatever_the_batch(schedule: str, batch_size: int):
    config = train_config(learning_rate=0.008, epochs=10, batch_size=batch_size, warmup_epochs=2, schedule=schedule)
    rates = [float(learning_rate(config, 5)(step)) for step in range(11)]
    assert all(before < after for before, after in itertools.pairwise(rates))
    assert rates[-1] == pytest.approx(0.008 * batch_size / 32)
    np.testing.assert_allclose(np.diff(rates), (rates[-1] - rates[0]) / 10, rtol=1e-3)  # in equal steps


@pytest.mark.parametrize("schedule", ["cosine", "piecewise"])
@pytest.mark.parametrize(("batch_size", "start"), [(512, 0.00025), (64, 0.00025), (32, 0.00025), (16, 0.00025 / 4)])
def test_warm_up_starts_where_the_original_s_does_or_below_the_peak(schedule: str, batch_size: int, start: float):
    config = train_config(learning_rate=0.00025, epochs=10, batch_size=batch_size, warmup_epochs=2, schedule=schedule)
    assert float(learning_rate(config, 5)(0)) == pytest.approx(start)


def test_piecewise_falls_to_tenths_after_the_epochs_that_are_named():
    config = train_config(batch_size=32, epochs=10, warmup_epochs=1, drop_epochs=[4, 7], schedule="piecewise")
    schedule = learning_rate(config, 5)
    rates = [float(schedule(step)) / config.learning_rate for step in (5, 20, 21, 35, 36, 49)]
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01], rtol=1e-5)

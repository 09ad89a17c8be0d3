"""Learning rates against those of the original."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.conftest import train_config

from evopose2d.training.schedules import learning_rate

_CASES = {
    "cosine_bs512": ({"epochs": 200, "batch_size": 512, "warmup_epochs": 5}, 293),
    "cosine_bs512_nowarm": ({"epochs": 5, "batch_size": 512, "warmup_epochs": 0}, 293),
    "piecewise_bs64": ({"epochs": 210, "batch_size": 64, "schedule": "piecewise"}, 2341),
}


@pytest.mark.parametrize("name", _CASES)
def test_schedule_is_the_original_s(reference: Path, name: str):
    changes, steps_per_epoch = _CASES[name]
    expected = json.loads((reference / "lr_ref.json").read_text())[name]
    schedule = learning_rate(train_config(learning_rate=0.00025, **changes), steps_per_epoch)
    rates = np.array([float(schedule(step)) for step in expected["steps"]])
    np.testing.assert_allclose(rates, expected["lr"], rtol=1e-6, atol=1e-12)

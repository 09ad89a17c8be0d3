"""The memory of a training, as it is estimated and as a process grows."""

import pytest
from benchmarks.memory import measure_memory

from evopose2d.errors import TrainingError


@pytest.mark.slow
@pytest.mark.parametrize(("network", "batch"), [("evopose2d_xs", 1), ("evopose2d_s", 8)])
def test_the_estimate_is_within_a_fifth_of_what_training_takes(project_root, network, batch):
    measured = measure_memory(project_root / "params.yaml", network, batch)
    assert (measured.network, measured.batch_size) == (network, batch)
    assert measured.ratio == pytest.approx(1, abs=0.2)


def test_a_training_that_fails_is_named(project_root):
    with pytest.raises(TrainingError, match=r"training nothing in batches of 1: .*nothing"):
        measure_memory(project_root / "params.yaml", "nothing", 1)

"""Twenty faults at a fixed seed over one search; ``python tests/soak.py --kills 200`` for more."""

import pytest

from tests.soak import Soak


@pytest.mark.slow
def test_twenty_faults_lose_nothing_and_leave_nothing(tmp_path):
    soak = Soak(tmp_path, seed=0, kills=20)
    try:
        soak.run()
        assert soak.census() == []
    finally:
        soak.close()
    assert soak.killed.total() > 5  # the search may be at its end before the last fault

"""Eight faults at a fixed seed over one search; ``python tests/soak.py --kills 200`` for more."""

import pytest

from tests.soak import Soak


@pytest.mark.slow
def test_eight_faults_lose_nothing_and_leave_nothing(tmp_path):
    soak = Soak(tmp_path, seed=25, kills=8)
    try:
        soak.run()
        assert soak.census() == []
    finally:
        soak.close()
    assert soak.killed.total() > 4  # the search may be at its end before the last fault
